// What a GPU does for stability/burn besides the product; in burn.gpu.cpp. Everything is begun on the queue,
// pointers are the device's; what each does is in burn_store.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "suites/device/gpu/runtime.h"
#include "suites/stability/burn/differences.h"

namespace assay::bench::stability {

void compare_on_gpu(gpu::Queue& queue, void* found, const void* right, std::size_t bytes,
                    unsigned element_bytes, std::uint64_t when, bool spoil, Differences* differences);
void fill_on_gpu(gpu::Queue& queue, void* words, std::size_t count, std::uint64_t first,
                 std::uint64_t generation);
void visit_on_gpu(gpu::Queue& queue, void* words, std::size_t count, std::uint64_t first,
                  std::uint64_t generation, bool write, Differences* differences);
/// Adds to `sum`.
void fingerprint_on_gpu(gpu::Queue& queue, const void* data, std::size_t bytes, unsigned long long* sum);

}  // namespace assay::bench::stability
