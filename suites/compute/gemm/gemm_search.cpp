// compute/gemm with `search`: shapes around the one that is given, the best of them measured and checked.
#include <algorithm>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include "suites/compute/gemm/gemm_product.h"
#include "suites/compute/gemm/gemm_shapes.h"
#include "suites/harness/agreement.h"
#include "suites/harness/load_watch.h"
#include "suites/harness/measure.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/harness/settling.h"
#include "suites/harness/statistics.h"

namespace assay::bench {

namespace {

constexpr std::size_t finalists = 4;
constexpr int screening_windows = 3, final_windows = 9;
constexpr double unmeasured = std::numeric_limits<double>::infinity();

/// The warm-up pass searches; the passes that are recorded are windows of the best shape. All ranks try the
/// same shapes and agree on one: that whose slowest rank is the fastest.
class GemmSearch final : public PassCase {
 public:
  GemmSearch(const GemmCase& centre, const Context& context, device::Device& device)
      : context_(context), device_(device), centre_(centre) {}

  device::Device* device() const override { return &device_; }

  void prepare() override {
    const auto workers = static_cast<int>(context_.group.broadcast(gemm_workers(device_), 0));
    shapes_ = search_shapes({centre_.m, centre_.n, centre_.k}, workers);
    ceiling_ = device_.gemm_ceiling(centre_.element, context_.threads);
  }
  void poison() override { product_->poison(); }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = 1;
    limits.minimum = 17;  // the search may have used up the time
    limits.maximum = 64;
    limits.headline = "product";
    return limits;
  }

  void pass(Recorder& recorder) override {
    if (!recorder.recording()) return search(recorder);
    run_window(recorder, long_window_s());
  }

  Check check() override { return product_->check(); }

  std::vector<FigureOfMerit> figures() const override {
    FigureOfMerit rate;
    rate.name = "rate";
    rate.numerator = product_->operations();
    rate.unit = product_->unit_of_work() + "/s";
    rate.series = "product";
    if (ceiling_) rate.peak = Peak{ceiling_->per_second, PeakBasis::measured, ceiling_->source};
    return {rate};
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = product_->path();
    path["warm_up"] = warm_up_words_;
    path["shape"] = shape_words(best_.front().shape) + " (m x n x k), the best of " +
                    std::to_string(shapes_.size() - left_out_) + " tried";
    if (context_.group.size() > 1) path["shape"] += ", by its slowest rank";
    path["runners_up"] = runners_up_words(best_);
    if (left_out_ > 0)
      path["left_out"] =
          std::to_string(left_out_) + (left_out_ == 1 ? " shape: " : " shapes, such as: ") + why_left_out_;
    return path;
  }

  std::map<std::string, double> metrics() const override {
    const GemmShape& shape = best_.front().shape;
    std::map<std::string, double> metrics = {
        {"shapes_tried", static_cast<double>(shapes_.size() - left_out_)},
        {"best_m", static_cast<double>(shape.m)},
        {"best_n", static_cast<double>(shape.n)},
        {"best_k", static_cast<double>(shape.k)}};
    if (best_.size() > 1) metrics["runner_up_share"] = best_[1].rate / best_[0].rate;
    return metrics;
  }

  void plant(Fault fault) override { product_->plant(fault); }

 private:
  GemmCase sized(const GemmShape& shape) const { return {centre_.element, shape.m, shape.n, shape.k}; }
  double short_window_s() const { return device_.works_by_itself() ? shortest_device_interval_s : 2e-3; }
  double long_window_s() const {
    return std::max(device_.works_by_itself() ? 2.5 * shortest_device_interval_s : 2e-3,
                    context_.time_s / 64);
  }

  /// About `window_s` of products, at least one pass; seconds a product.
  double run_window(Recorder& recorder, double window_s) {
    const std::int64_t passes = passes_for(window_s, iteration_s_, product_->ring());
    iteration_s_ = recorder.time(
        "product", [&] { product_->run_passes(passes); }, passes * product_->ring());
    return iteration_s_;
  }

  double median_window_s(Recorder& recorder, int windows, double window_s) {
    std::vector<double> iterations_s;
    for (int window = 0; window < windows; ++window) iterations_s.push_back(run_window(recorder, window_s));
    return median_of(iterations_s);
  }

  void begin_shape(Recorder& recorder, const GemmShape& shape) {
    product_.reset();
    product_.emplace(sized(shape), context_, device_);
    product_->prepare();
    iteration_s_ = 1;
    run_window(recorder, 0);  // one pass
  }

  void settle(Recorder& recorder) {
    const double limit_s = gemm_settling_limit_s(device_, context_.time_s);
    warm_up_words_ = settling_words(warm_until_settled(
        recorder, device_, limit_s, [&] { return run_window(recorder, short_window_s()); }));
  }

  /// Seconds a product on the slowest rank; infinite when a rank cannot measure it, and then `why_left_out_`
  /// says why where it is this one. Collective.
  template <typename Measure>
  double agreed_s(const GemmShape& shape, Measure measure_it) {
    product_.reset();
    context_.group.barrier();  // all have given back what the last shape needed
    double own_s = unmeasured;
    std::string why = gemm_refused(sized(shape), context_, device_);
    // Nobody allocates what would not fit beside the others' operands.
    if (!context_.group.any(!why.empty())) {
      try {
        own_s = measure_it();
      } catch (const std::exception& refused) {
        why = refused.what();
      }
    }
    if (!why.empty() && why_left_out_.empty()) why_left_out_ = shape_words(shape) + ": " + why;
    return context_.group.maximum(own_s);
  }

  void search(Recorder& recorder) {
    std::vector<TriedShape> tried;
    for (const GemmShape& shape : shapes_) {
      const double seconds = agreed_s(shape, [&] {
        begin_shape(recorder, shape);
        return median_window_s(recorder, screening_windows, short_window_s());
      });
      if (seconds == unmeasured) ++left_out_;
      tried.push_back({shape, gemm_operations(sized(shape)) / seconds});
    }
    std::vector<TriedShape> again;
    for (const TriedShape& one : fastest(tried, finalists)) {
      const double seconds = agreed_s(one.shape, [&] {
        begin_shape(recorder, one.shape);
        settle(recorder);
        return median_window_s(recorder, final_windows, long_window_s());
      });
      again.push_back({one.shape, gemm_operations(sized(one.shape)) / seconds});
    }
    best_ = fastest(again, finalists);
    tell_why();
    if (best_.empty())
      throw AgreedError("none of " + std::to_string(shapes_.size()) + " shapes could be measured; " +
                        why_left_out_);
    begin_shape(recorder, best_.front().shape);
    settle(recorder);
  }

  /// Why a shape was left out may be known on one rank only.
  void tell_why() {
    for (const std::string& why : context_.group.all_gather(why_left_out_))
      if (why_left_out_.empty()) why_left_out_ = why;
    if (why_left_out_.empty()) why_left_out_ = "no reason is known";
  }

  Context context_;
  device::Device& device_;
  GemmCase centre_;
  std::vector<GemmShape> shapes_;
  std::optional<device::Ceiling> ceiling_;
  std::optional<GemmProduct> product_;
  double iteration_s_ = 1;  ///< of the latest window
  std::size_t left_out_ = 0;
  std::string why_left_out_;
  std::vector<TriedShape> best_;  ///< finalists, measured again
  std::string warm_up_words_;
};

}  // namespace

std::unique_ptr<Case> make_gemm_search(const Parameters& parameters, const Context& context,
                                       device::Device& device) {
  return std::make_unique<GemmSearch>(gemm_case(parameters), context, device);
}

}  // namespace assay::bench
