assay_benchmark(memory/latency latency.cpp chase.cpp latency_test.cpp launched_test.cpp)
