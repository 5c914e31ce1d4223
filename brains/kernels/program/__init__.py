"""How a brain lies in memory: the flat arrays that every backend reads and writes, and what their columns mean.

All arrays but `table` and `program` have a leading lane axis N. The unit of allocation is sixteen float32 (one cache
line), so that a row of weights starts on a vector boundary; padding columns hold zero weights and never reach a result.

table       (K, op.COLUMNS)       int64    one row an operation: type, sizes, places, addresses, in an order to run them
program     (option.PROGRAM,)     int64    rule, schedule, sizes, and the addresses of all other arrays
rates       (rate.NUMBERS + 2 K,) float32  learning rate ...; then per operation the depth scale s_i and the type rate
counters    (N, counter.COUNTERS) int64    ticks and the like, and the random stream
parameters  (N, block.BLOCKS, P)  float32  weights and biases; optimiser moments; gradients; the last good snapshot
activity    (N, ring + row.EXTRA, S) float32  a ring of ticks of activations A[0..L]; then the rows of `row`
replay      (N, capacity, observation_size + states + target_size) float32
work        (row.GROUPS, batch, S) float32 where a batch of samples is computed; means nothing between calls

A layer is one operation, a `parallel` layer several; what they share is the STAGE: the layer's place in the stack. An
operation reads its input at X of a row of activity and writes its output at Y. The input was written on this tick, if
by the same stage or the world (WITHIN), else by the stage before on the previous tick. In a row an operation owns SPAN
numbers from Y on: its output, the state it fired from (BEFORE), the state it left (AFTER), and what its gradient needs
besides (CACHE). Its parameters lie from WEIGHT to BIAS and, being biases, from BIAS to END.
"""
