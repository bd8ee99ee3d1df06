assay_benchmark(fabric/links links.cpp exchange.cpp payload.cpp schedule.cpp sweep.cpp schedule_test.cpp sweep_test.cpp links_test.cpp)
