assay_benchmark(collectives/broadcast broadcast.cpp broadcast_test.cpp)
