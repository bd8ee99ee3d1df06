assay_benchmark(collectives/reduce reduce.cpp reduce_test.cpp)
