#include "suites/training/llm_step/gemm_rate.h"

#include <algorithm>
#include <memory>

#include "suites/device/device.h"
#include "suites/device/operators.h"
#include "suites/harness/agreement.h"
#include "suites/training/support/host_view.h"
#include "suites/training/support/memory_estimate.h"

namespace assay::bench {

namespace {

using device::Element;

constexpr std::int64_t smallest = 256, largest_on_host = 4096, largest_apart = 8192;
constexpr int fewest_runs = 3, most_runs = 6;

/// Numbers in [-1, 1) without a pattern: what multiplies zeros may be faster than it is. `state` goes on.
void fill(Element element, std::int64_t count, void* values, std::uint32_t& state) {
  const auto put = [&](auto* numbers, auto convert) {
    for (std::int64_t i = 0; i < count; ++i) {
      state = state * 1664525u + 1013904223u;  // Numerical Recipes, chapter 7
      numbers[i] = convert(static_cast<float>(state >> 8) * 0x1p-23f - 1.0f);
    }
  };
  if (element == Element::f64) {
    put(static_cast<double*>(values), [](float value) { return static_cast<double>(value); });
  } else if (element == Element::f32) {
    put(static_cast<float*>(values), [](float value) { return value; });
  } else {
    put(static_cast<device::Bf16*>(values), [](float value) { return device::to_bf16(value); });
  }
}

/// What one size needs, there for as long as it is measured.
class Product {
 public:
  Product(device::Device& device, Element element, int threads, std::int64_t size)
      : device_(device), shape_{size, size, size}, operators_(device.operators(element, threads)) {
    operators_->reserve_linear(shape_);
    const std::size_t bytes = static_cast<std::size_t>(size * size) * device::bytes_of(element);
    const training::HostView view(device, std::min<std::size_t>(bytes, training::host_view_bytes));
    for (auto& buffer : buffers_) {
      buffer = device.allocate(bytes);
      auto* const begin = static_cast<std::byte*>(buffer->device());
      const std::size_t most = view.direct() ? bytes : view.most_bytes();
      std::uint32_t state = 12345;
      for (std::size_t at = 0; at < bytes; at += most) {
        const std::size_t part = std::min(most, bytes - at);
        fill(element, static_cast<std::int64_t>(part / device::bytes_of(element)), view.room(begin + at),
             state);
        view.put(begin + at, part);
      }
    }
  }
  void run() {
    operators_->linear_forward(shape_, buffers_[0]->device(), buffers_[1]->device(), nullptr,
                               buffers_[2]->device());
    device_.finish();
  }

 private:
  device::Device& device_;
  const device::LinearShape shape_;
  std::unique_ptr<device::Operators> operators_;
  std::unique_ptr<device::Buffer> buffers_[3];
};

}  // namespace

GemmRate measure_gemm_rate(const ProcessGroup& group, device::Device& device, Element element, int threads,
                           std::int64_t most_bytes, double time_s, Clock& clock) {
  const std::int64_t largest = training::apart(device) ? largest_apart : largest_on_host;
  const auto agreed_bytes = static_cast<std::int64_t>(-group.maximum(-static_cast<double>(most_bytes)));
  GemmRate best;
  double spent_s = 0, shortest_s = 0;
  for (std::int64_t size = smallest; size <= largest; size *= 2) {
    // Operands, and a copy of one that the library may make.
    const std::int64_t bytes = 4 * size * size * static_cast<std::int64_t>(device::bytes_of(element));
    const bool too_long = spent_s + fewest_runs * 8 * shortest_s > time_s;
    if (size > smallest && (bytes > agreed_bytes || too_long)) break;
    std::unique_ptr<Product> product;
    agree_or_throw(group, [&] { product = std::make_unique<Product>(device, element, threads, size); });
    product->run();  // the first one plans and touches memory
    shortest_s = 0;
    for (int run = 0; run < most_runs && (run < fewest_runs || spent_s < time_s); ++run) {
      group.barrier();
      const double begin_s = clock.now_s();
      product->run();
      const double seconds = group.maximum(clock.now_s() - begin_s);
      spent_s += seconds;
      if (run == 0 || seconds < shortest_s) shortest_s = seconds;
    }
    const double flops = 2.0 * static_cast<double>(size * size * size) * group.size();
    best = {shortest_s > 0 ? flops / shortest_s : 0, size};
  }
  return best;
}

}  // namespace assay::bench
