assay_benchmark(compute/gemm gemm.cpp gemm_data.cpp gemm_check.cpp gemm_test.cpp gemm_check_test.cpp)
