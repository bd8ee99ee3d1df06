assay_benchmark(compute/gemm gemm.cpp gemm_data.cpp gemm_store.cpp gemm_store_on_gpu.cpp gemm.gpu.cpp gemm_check.cpp gemm_test.cpp gemm_check_test.cpp gemm_gpu_test.cpp)
