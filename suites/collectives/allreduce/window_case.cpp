#include "suites/collectives/allreduce/window_case.h"

namespace assay::bench {

WindowCase::WindowCase(std::unique_ptr<WindowAllreduce> window, const Rating& rating, const Context& context)
    : rating_(rating),
      in_window_(std::move(window), context),
      with_copies_(
          std::make_unique<CopiedAllreduce>(static_cast<WindowAllreduce&>(in_window_.operation()), context),
          context),
      in_window_repetitions_(context.time_s),
      with_copies_repetitions_(context.time_s) {}

PassLimits WindowCase::limits() const {
  PassLimits limits;
  limits.warmups = 3;
  limits.minimum = 2;
  limits.headline = "in_window";
  return limits;
}

void WindowCase::prepare() {
  in_window_.prepare();
  with_copies_.prepare();
}

void WindowCase::poison() {
  in_window_.poison();
  with_copies_.poison();
}

void WindowCase::sum_all(Recorder& recorder, const char* series, BufferRing& ring, Repetitions& repetitions) {
  Operation& operation = ring.operation();
  // An input that is consumed is there for one round only.
  const std::int64_t rounds = operation.consumes_input() ? 1 : repetitions.count();
  if (operation.consumes_input()) ring.fill();
  const double operation_s = recorder.time(
      series,
      [&] {
        for (std::int64_t round = 0; round < rounds; ++round) {
          for (int slot = 0; slot < ring.slots(); ++slot) operation.call(ring[slot]);
        }
      },
      rounds * ring.slots());
  if (!recorder.recording()) repetitions.learn(operation_s, ring.slots());
}

void WindowCase::pass(Recorder& recorder) {
  sum_all(recorder, "in_window", in_window_, in_window_repetitions_);
  sum_all(recorder, "with_copies", with_copies_, with_copies_repetitions_);
}

Check WindowCase::check() {
  const Check first = in_window_.check(false);
  return both(first, with_copies_.check(false));
}

std::vector<FigureOfMerit> WindowCase::figures() const {
  auto figures = rating_.throughput("in_window");
  figures.push_back(
      {"with_copies", std::nullopt, "s", Better::lower, Reduce::median, std::nullopt, "with_copies"});
  return figures;
}

std::map<std::string, double> WindowCase::metrics() const {
  return {{"working_set_bytes", in_window_.working_set_bytes()},
          {"message_bytes", rating_.bytes},
          {"ring_slots", static_cast<double>(in_window_.slots())}};
}

void WindowCase::plant(Fault fault) {
  in_window_.plant(fault);
  with_copies_.plant(fault);
}

}  // namespace assay::bench
