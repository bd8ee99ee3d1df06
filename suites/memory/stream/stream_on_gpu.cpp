#include "suites/memory/stream/stream_on_gpu.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "reports/record/unit.h"
#include "suites/device/gpu/gpu_device.h"
#include "suites/harness/recorder.h"
#include "suites/memory/stream/gpu_kernels.h"

namespace assay::bench {

namespace {

using stream::Loop;
using stream::loop_count;

/// Launches of one timed part: waiting for the device once costs some 10 us, which would be a percent of one.
/// A loop does not change what it reads, so that doing it again leaves what doing it once leaves.
constexpr int launches = 10;

/// Beyond four times the cache, and long enough that starting a launch does not show.
std::uint64_t array_bytes_on_gpu(std::uint64_t asked, const device::Device& gpu) {
  constexpr std::uint64_t long_enough = std::uint64_t{1} << 30;
  return asked > 0 ? stream::array_bytes(asked, 0, 1)
                   : std::max(stream::array_bytes(0, gpu.cache_bytes(), 1), long_enough);
}

class GpuStream final : public PassCase {
 public:
  GpuStream(const Parameters& parameters, gpu::GpuDevice& gpu)
      : gpu_(gpu),
        queue_(gpu.queue()),
        bytes_(array_bytes_on_gpu(static_cast<std::uint64_t>(integer(parameters, "bytes")), gpu)) {
    arrays_.f32 = text(parameters, "dtype") == "f32";
    arrays_.elements = bytes_ / (arrays_.f32 ? sizeof(float) : sizeof(double));
  }

  device::Device* device() const override { return &gpu_; }

  void prepare() override {
    const auto allocate = [this](std::size_t bytes) {
      buffers_.push_back(gpu_.allocate(bytes));
      return buffers_.back()->device();
    };
    arrays_.a = allocate(bytes_);
    arrays_.b = allocate(bytes_);
    arrays_.c = allocate(bytes_);
    arrays_.partial_sums = static_cast<double*>(allocate(stream::dot_blocks * sizeof(double)));
    arrays_.sum = static_cast<double*>(allocate(sizeof(double)));
    comparison_ = static_cast<stream::GpuComparison*>(allocate(sizeof(stream::GpuComparison)));
    stream::fill_on_gpu(queue_, arrays_.a, arrays_, stream::initial_a);
    stream::fill_on_gpu(queue_, arrays_.b, arrays_, stream::initial_b);
    stream::fill_on_gpu(queue_, arrays_.c, arrays_, stream::initial_c);
    queue_.finish();
  }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 10;  // an idle clock rises within some milliseconds
    limits.minimum = 20;
    limits.maximum = 64;
    limits.headline = stream::loop_names[stream::triad];
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (passes_ == stream::passes_before_restart) {
      stream::fill_on_gpu(queue_, arrays_.a, arrays_, stream::initial_a);
      queue_.finish();
      passes_ = 0;
    }
    ++passes_;
    for (int number = 0; number < loop_count; ++number) {
      const auto loop = static_cast<Loop>(number);
      recorder.time(
          stream::loop_names[number],
          [&] {
            for (int launch = 0; launch < launches; ++launch) stream::run_loop_on_gpu(queue_, loop, arrays_);
            queue_.finish();
          },
          launches);
    }
  }

  void poison() override {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    stream::fill_on_gpu(queue_, arrays_.b, arrays_, nan);
    stream::fill_on_gpu(queue_, arrays_.c, arrays_, nan);
    queue_.copy(arrays_.sum, &nan, sizeof nan);
    queue_.finish();
  }

  Check check() override { return arrays_.f32 ? check_as<float>() : check_as<double>(); }

  std::vector<FigureOfMerit> figures() const override {
    std::vector<FigureOfMerit> all;
    const auto figure = [&](Loop loop, const std::string& name, Reduce reduce) {
      const double moved = stream::arrays_moved[loop] * static_cast<double>(bytes_);
      all.push_back({name, moved, "B/s", Better::higher, reduce, std::nullopt, stream::loop_names[loop]});
    };
    for (const Loop loop : {stream::triad, stream::copy, stream::scale, stream::add, stream::dot})
      figure(loop, stream::loop_names[loop], Reduce::median);
    figure(stream::triad, "triad_best", Reduce::min);
    return all;
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = {
        {"kernels", "GPU, 16 bytes a read"},
        {"launches", std::to_string(launches) + " of each loop to a sample"}};
    if (bytes_ <= 4 * gpu_.cache_bytes())
      path["working set"] = "a cache case: below four times the last-level cache";
    return path;
  }

  std::map<std::string, double> metrics() const override {
    return {{"array_bytes", static_cast<double>(bytes_)},
            {"last_level_cache_bytes", static_cast<double>(gpu_.cache_bytes())},
            {"passes_checked", passes_}};
  }

  void plant(Fault fault) override {
    if (fault != Fault::nan && fault != Fault::wrong_element) return;
    if (arrays_.f32) {
      plant_as<float>(fault);
    } else {
      plant_as<double>(fault);
    }
  }

 private:
  /// What a store that was lost leaves behind: the value of one pass before.
  template <typename T>
  void plant_as(Fault fault) {
    T* last = static_cast<T*>(arrays_.a) + (arrays_.elements - 1);
    T value{};
    queue_.copy(&value, last, sizeof value);
    queue_.finish();
    value = fault == Fault::nan ? std::numeric_limits<T>::quiet_NaN()
                                : static_cast<T>(value / (stream::scalar * (2 + stream::scalar)));
    queue_.copy(last, &value, sizeof value);
    queue_.finish();
  }

  template <typename T>
  Check check_as() {
    const stream::StreamValues right = stream::expected<T>(passes_, arrays_.elements);
    const double bound = stream::array_bound<T>(passes_);
    Check check;
    check.status = CheckStatus::pass;
    check.bound = bound;
    check.error = 0;
    check.how = "closed form after " + std::to_string(passes_) + (passes_ == 1 ? " pass" : " passes") +
                " since the arrays began, every element of a, b and c on the device and the dot product; "
                "relative error";
    const auto worse = [&](double error, double limit, const std::string& words) {
      if (!(error <= limit)) {
        check.status = CheckStatus::fail;
        check.how += words;
      }
      // Shown: what came nearest to its bound or went furthest beyond; what is not a number before all.
      if (error != error) {
        check.error.reset();
      } else if (check.error && error / limit >= *check.error / *check.bound) {
        check.error = error;
        check.bound = limit;
      }
    };
    const struct {
      const char* name;
      const void* array;
      long double value;
    } all[] = {{"a", arrays_.a, right.a}, {"b", arrays_.b, right.b}, {"c", arrays_.c, right.c}};
    for (const auto& [name, array, value] : all) {
      const stream::GpuComparison found =
          stream::compare_on_gpu(queue_, array, arrays_, static_cast<double>(value), bound, comparison_);
      worse(found.not_a_number > 0 ? std::numeric_limits<double>::quiet_NaN() : found.error, bound,
            "; " + std::to_string(found.wrong) + " wrong in " + name + ", first element " +
                std::to_string(found.first));
    }
    double sum = 0;
    queue_.copy(&sum, arrays_.sum, sizeof sum);
    queue_.finish();
    // Products are added in double: a thread's in turn, then in a tree of some hundred.
    const double chain =
        static_cast<double>(arrays_.elements) / (stream::dot_blocks * stream::dot_threads) + 256;
    const double dot_bound = 2 * bound + 1.02 * (chain * 0x1p-53 + 0x1p-53);
    const auto error = static_cast<double>(std::abs(static_cast<long double>(sum) - right.dot) / right.dot);
    char words[96];
    std::snprintf(words, sizeof words, "; dot is %.9g instead of %.9Lg", sum, right.dot);
    worse(error, dot_bound, words);
    return check;
  }

  gpu::GpuDevice& gpu_;
  gpu::Queue& queue_;
  std::uint64_t bytes_;
  stream::GpuArrays arrays_;
  stream::GpuComparison* comparison_ = nullptr;
  std::vector<std::unique_ptr<device::Buffer>> buffers_;
  int passes_ = 0;
};

}  // namespace

std::string stream_unsupported_on_gpu(const Parameters& parameters, const Context&, device::Device& gpu) {
  if (text(parameters, "ranks") != "together" || text(parameters, "stores") != "auto" ||
      text(parameters, "pages") != "auto")
    return "ranks, stores and pages are choices of the host's loops; leave them as they are with device = "
           "gpu";
  const std::uint64_t bytes =
      array_bytes_on_gpu(static_cast<std::uint64_t>(integer(parameters, "bytes")), gpu);
  const std::uint64_t free = gpu.available_bytes().value_or(0);
  if (free > 0 && 3.0 * static_cast<double>(bytes) > 0.9 * static_cast<double>(free))
    return "three arrays of " + format_value(static_cast<double>(bytes), "B") +
           " do not fit into the GPU, which has " + format_value(static_cast<double>(free), "B") +
           " free (nine tenths may be used); give smaller bytes";
  return {};
}

std::unique_ptr<Case> make_stream_on_gpu(const Parameters& parameters, const Context&, device::Device& gpu) {
  return std::make_unique<GpuStream>(parameters, dynamic_cast<gpu::GpuDevice&>(gpu));
}

}  // namespace assay::bench
