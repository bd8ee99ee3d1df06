assay_benchmark(fabric/starts starts.cpp starts_test.cpp)
