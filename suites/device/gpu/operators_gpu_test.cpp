// The host's tests of the operators, with those of a GPU: the one that this build is for, or the emulated
// one, with warps of 32 and of 64 lanes, and threads in either order.
#include <memory>
#include <string>

#include "suites/device/device.h"
#include "suites/device/gpu/build.h"
#include "suites/device/gpu/gpu_operators.h"
#include "suites/device/gpu/staged_operators.h"
#include "suites/device/host/operators_precision.h"
#if !ASSAY_GPU_COMPILED
#include "suites/device/gpu/emulation_settings.h"
#endif

namespace assay::device {

namespace {

std::unique_ptr<Operators> on_this_gpu(Element element, int) {
  auto queue = std::make_unique<gpu::Queue>();
  auto operators = gpu::gpu_operators(element, *queue);
  return gpu::staged(std::move(operators), std::move(queue));
}
std::string always_supported(Element) {
  return {};
}

constexpr Index odd = 133, whole = 136;  // columns: one by one, or 16 bytes at a time
constexpr double bf16_probabilities = 0x1p-8;

#if ASSAY_GPU_COMPILED

std::string gpu_absent() {
  return gpu(0, 1).missing;
}

const Candidate candidates[] = {
    {"f64", Element::f64, on_this_gpu, always_supported, whole, 0, gpu_absent},
    {"f32_odd", Element::f32, on_this_gpu, always_supported, odd, 0, gpu_absent},
    {"f32_whole", Element::f32, on_this_gpu, always_supported, whole, 0, gpu_absent},
    {"bf16_odd", Element::bf16, on_this_gpu, always_supported, odd, bf16_probabilities, gpu_absent},
    {"bf16_whole", Element::bf16, on_this_gpu, always_supported, whole, bf16_probabilities, gpu_absent}};

const auto& same_bits = candidates;

#else

std::unique_ptr<Operators> with_32_lanes(Element element, int threads) {
  gpu::emulation::configure(32, gpu::emulation::Order::ascending);
  return on_this_gpu(element, threads);
}
std::unique_ptr<Operators> with_64_lanes(Element element, int threads) {
  gpu::emulation::configure(64, gpu::emulation::Order::descending);
  return on_this_gpu(element, threads);
}

const Candidate candidates[] = {
    {"f64_64_lanes_whole", Element::f64, with_64_lanes, always_supported, whole},
    {"f32_32_lanes_odd", Element::f32, with_32_lanes, always_supported, odd},
    {"f32_64_lanes_whole", Element::f32, with_64_lanes, always_supported, whole},
    {"bf16_32_lanes_whole", Element::bf16, with_32_lanes, always_supported, whole, bf16_probabilities},
    {"bf16_64_lanes_odd", Element::bf16, with_64_lanes, always_supported, odd, bf16_probabilities}};

/// As many threads as were asked for mean nothing here: an odd number stands for the other order.
std::unique_ptr<Operators> in_either_order(Element element, int threads) {
  gpu::emulation::configure(element == Element::bf16 ? 64 : 32, threads % 2 == 0
                                                                    ? gpu::emulation::Order::ascending
                                                                    : gpu::emulation::Order::descending);
  return on_this_gpu(element, threads);
}

const Candidate same_bits[] = {
#if !defined(__SANITIZE_ADDRESS__)  // fibers are ten times slower then
    {"f32_either_order", Element::f32, in_either_order, always_supported, whole},
#endif
    {"bf16_either_order", Element::bf16, in_either_order, always_supported, odd}};

#endif

INSTANTIATE_TEST_SUITE_P(Gpu, OperatorPrecision, testing::ValuesIn(candidates), name_of_test);
INSTANTIATE_TEST_SUITE_P(Gpu, UpdatePrecision, testing::ValuesIn(candidates), name_of_test);
INSTANTIATE_TEST_SUITE_P(Gpu, SameBits, testing::ValuesIn(same_bits), name_of_test);
INSTANTIATE_TEST_SUITE_P(Gpu, BlockPrecision, testing::ValuesIn(candidates), name_of_test);

}  // namespace

}  // namespace assay::device
