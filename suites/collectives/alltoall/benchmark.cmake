assay_benchmark(collectives/alltoall alltoall.cpp alltoall_test.cpp)
