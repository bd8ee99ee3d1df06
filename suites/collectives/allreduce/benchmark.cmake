assay_benchmark(collectives/allreduce allreduce.cpp window_sum.cpp window_allreduce.cpp window_case.cpp
                allreduce_test.cpp window_sum_test.cpp launched_test.cpp)
