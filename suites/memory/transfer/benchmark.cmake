assay_benchmark(memory/transfer transfer.cpp transfer_on_gpu.cpp pairs_on_gpu.cpp transfer.gpu.cpp transfer_test.cpp)
