"""What a brain that learns from reward has besides.

settings    (SETTINGS,) float64
statistics  (N, STATISTICS + 2 observation_size) float64   running moments: of the return, then mean and squares
"""

STEP_SIZE, DISCOUNT, TRACE_DECAY, KAPPA_POLICY, KAPPA_VALUE, ENTROPY, NORMALIZE_OBSERVATION, SCALE_REWARD = range(8)
EXPLORATION, TRACKING, INTENTIONAL, POLICY_CHANGE, VALUE_CHANGE, DELTA_CLIP, SETTINGS_SIZE = range(8, 15)
COUNT, REWARD_TRACE, REWARD_MEAN, REWARD_SQUARES, REWARD_COUNT, DELTA_SQUARES, STATISTICS_SIZE = range(7)

FORGETTING = 0.001  # Intentional Updates: the share of the newest square in a running one

# entries of a reward program (int64): addresses of the actor's and, where there is one, the critic's program; of the
# arrays above; of the slow copy (Q-learning) or the last action as drawn (streaming); and of what a call reads
ACTOR, CRITIC, SETTINGS, STATISTICS, SLOW, SAMPLED, REWARD, FOLLOWING, TERMINATED, TRUNCATED, MEMORY, DONE, PROGRAM = (
    range(13)
)
