assay_benchmark(collectives/allgather allgather.cpp allgather_test.cpp)
