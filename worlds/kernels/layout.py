"""How a compiled world lies in memory, and what the entries and rows of its arrays mean. No compiler is needed to know.

A row of state holds one number of every lane, so that WIDTH lanes are moved at once; P lanes are the world's, padded to
whole groups of WIDTH. What is told has a place for every agent of every lane: R = P x agents, a lane's agents together.

state         (rows, P) float64     everything but chance; rows are named below, for each world
stream        (2, P) uint64         key and counter of each lane's own random stream
actions       (n, R) int64          0 up (+y), 1 down, 2 left, 3 right
observation   (n, R, 8) float32     what each of n ticks showed
reward        (n, R) float32
told          (n, TOLD, R) int64    rows are named below
total         (n, 2, P) int64       chase / evade: the two events of all agents together
mean          (n, P) float32        chase / evade: the mean reward
"""

# Entries of `program`: what a kernel is asked for, what it answers, sizes, addresses.
TICKS, LANE = 0, 1  # how many ticks; which lane begins
WRONG = 2  # not 0: an action is none of the four, and nothing was moved
LANES, PADDED, AGENTS, CHASERS = range(3, 7)
STATE, STREAM, ACTIONS, OBSERVATION, REWARD, TOLD_AT, TOTAL, MEAN = range(7, 15)
PROGRAM = 15

# Rows of `told`.
TEACHER_ACTION, CATCHES, TOUCHES, TASK_SHOWN = range(4)
ESCAPES = TOUCHES  # of the chase / evade world
TOLD = 4

OBSERVED = 8  # numbers in an observation

# Rows of `state`, of both chase / avoid worlds. The last three are options, the same in every lane.
AGENT_X, AGENT_Y, TARGET_X, TARGET_Y, HEADING_X, HEADING_Y, TURN, TASK, AGE, TICK, CLASSIC, SHAPING, TEACHER = range(13)
STATE_ROWS = 13

# Rows of `state`, of the chase / evade world: three, and then some for each agent.
EVADE_TICK, EVADE_SHAPING, EVADE_TEACHER, FIRST_AGENT = range(4)
X, Y, SINCE, BEFORE, CAUGHT, ESCAPED = range(
    6
)  # SINCE: an evader's ticks since it appeared; then what a tick works with
AGENT_ROWS = 6

CHASE, AVOID = 0, 1
AGENT_STEP = 0.02  # world widths a tick
TARGET_STEP = 0.012  # world widths a tick
EVADER_STEP = 0.015  # world widths a tick
TOUCH = 0.05  # world widths; closer than this is a catch or a touch
REAPPEAR = 0.3  # world widths; whoever was caught or has caught reappears at least this far away
HUNTER_PATIENCE = 60  # ticks after which the hunter gives up and reappears
CHASER_PATIENCE = 300  # ticks after which an evader that was not caught has escaped
TURN_MEMORY = 0.9  # share of the last tick's heading change that persists
TURN_NOISE = 0.05  # rad, standard deviation of what is added to it
FARTHEST = 0.7072  # world widths; just above sqrt(1/2), the largest distance on the torus
JITTER = 0.005  # world widths; classic: the target moves U(-JITTER, JITTER) an axis a tick
MARGIN = 0.1  # world widths; classic: the target stays in [MARGIN, 1 - MARGIN]
