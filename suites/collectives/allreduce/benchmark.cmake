assay_benchmark(collectives/allreduce allreduce.cpp exact_sum.cpp arithmetic.cpp allreduce_test.cpp exact_sum_test.cpp launched_test.cpp)
