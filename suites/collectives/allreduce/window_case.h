// implementation=shared_window in throughput mode: the sum with all buffers in the window, and with copies.
#pragma once

#include "suites/collectives/allreduce/window_allreduce.h"
#include "suites/collectives/support/cases.h"

namespace assay::bench {

/// Each pass: the ring in the window; then a ring of private buffers as large, copied in and out. Both are
/// checked.
class WindowCase final : public PassCase {
 public:
  WindowCase(std::unique_ptr<WindowAllreduce> window, const Rating& rating, const Context& context);

  PassLimits limits() const override;
  void prepare() override;
  void poison() override;
  void pass(Recorder& recorder) override;
  Check check() override;
  std::vector<FigureOfMerit> figures() const override;
  std::map<std::string, std::string> path() const override { return in_window_.path(false); }
  std::map<std::string, double> metrics() const override;
  void plant(Fault fault) override;

 private:
  static void sum_all(Recorder& recorder, const char* series, BufferRing& ring, Repetitions& repetitions);

  Rating rating_;
  BufferRing in_window_;
  BufferRing with_copies_;
  Repetitions in_window_repetitions_;
  Repetitions with_copies_repetitions_;
};

}  // namespace assay::bench
