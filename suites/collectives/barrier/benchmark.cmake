assay_benchmark(collectives/barrier barrier.cpp late_rank.cpp barrier_test.cpp)
