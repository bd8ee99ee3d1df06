assay_benchmark(io/random random.cpp describe.cpp order.cpp order_test.cpp launched_test.cpp)
