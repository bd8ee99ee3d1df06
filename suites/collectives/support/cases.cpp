#include "suites/collectives/support/cases.h"

#include <algorithm>
#include <cmath>

namespace assay::bench {

namespace {

FigureOfMerit seconds(const char* name, Reduce reduce, const std::string& series = {}) {
  return {name, std::nullopt, "s", Better::lower, reduce, std::nullopt, series};
}

}  // namespace

Rating rating(CollectiveKind kind, double bytes, int ranks) {
  return {bytes, busbw_factor(kind, ranks)};
}

std::vector<FigureOfMerit> Rating::throughput(const std::string& series) const {
  if (!(bytes > 0)) return {seconds("time", Reduce::median, series)};
  return {{"busbw", bytes * busbw_factor, "B/s", Better::higher, Reduce::median, std::nullopt, series},
          {"algbw", bytes, "B/s", Better::higher, Reduce::median, std::nullopt, series},
          seconds("time", Reduce::median, series)};
}

CollectiveLoop::CollectiveLoop(std::unique_ptr<Operation> operation, const Rating& rating, Mode mode,
                               const Context& context, const Transport& transport)
    : buffers_(std::move(operation), context, transport),
      operation_(buffers_.operation()),
      rating_(rating),
      mode_(mode) {
  // Single operations are timed as the host sees them; marks between them would lengthen them.
  if (buffers_.on_device() != nullptr && mode_ == Mode::throughput) buffers_.on_device()->time_intervals();
}

double CollectiveLoop::shortest_interval_s() const {
  // Waiting for a device at an interval's end costs some 10 us.
  return buffers_.on_device() != nullptr && mode_ == Mode::throughput ? 10e-3 : 0;
}

device::Device* CollectiveLoop::device() const {
  return buffers_.on_device() != nullptr ? buffers_.on_device()->transport().device : nullptr;
}

std::vector<FigureOfMerit> CollectiveLoop::figures() const {
  if (mode_ == Mode::throughput) return rating_.throughput();
  return {seconds("latency", Reduce::median), seconds("p95", Reduce::p95), seconds("p99", Reduce::p99),
          seconds("max", Reduce::max)};
}

std::map<std::string, double> CollectiveLoop::metrics() const {
  std::map<std::string, double> metrics = {{"working_set_bytes", buffers_.working_set_bytes()},
                                           {"message_bytes", rating_.bytes}};
  if (buffers_.on_device() != nullptr)
    if (const auto device_time_s = buffers_.on_device()->device_time_s())
      metrics["device_time_s"] = *device_time_s;
  return metrics;
}

void Repetitions::learn(double iteration_s, int slots) {
  constexpr double most = 1e6;  // what the clock cannot see must not run forever
  shortest_s_ = shortest_s_ > 0 ? std::min(shortest_s_, iteration_s) : iteration_s;
  const double pass_s = shortest_s_ * slots;
  count_ = pass_s > 0 ? static_cast<std::int64_t>(std::clamp(std::ceil(part_s_ / pass_s), 1.0, most)) : 1000;
}

double overlapped_share(double communicate_s, double compute_s, double both_s) {
  return std::clamp(1 - (both_s - compute_s) / communicate_s, 0.0, 1.0);
}

OverlapCase::OverlapCase(std::unique_ptr<Operation> operation, const Rating& rating, bool test,
                         const Context& context)
    : buffers_(std::move(operation), context),
      operation_(buffers_.operation()),
      group_(context.group),
      rating_(rating),
      test_(test),
      computation_(context.seed + static_cast<std::uint64_t>(context.group.rank())),
      repetitions_(context.time_s) {}

PassLimits OverlapCase::limits() const {
  PassLimits limits;
  limits.warmups = 4;  // how often to repeat, how much to compute, and once more with both
  limits.minimum = 2;
  limits.headline = "both";
  return limits;
}

void OverlapCase::refill() {
  if (operation_.consumes_input()) buffers_.fill();
}

void OverlapCase::communicate(int from, int to) {
  for (int slot = from; slot < to; ++slot) {
    MPI_Request request = MPI_REQUEST_NULL;
    operation_.start(buffers_[slot], &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  }
}

/// One operation's worth; with a request it is tested in between, where the case asks for that.
void OverlapCase::compute(MPI_Request* request) {
  constexpr std::int64_t pieces = 16;
  std::int64_t done = 0;
  for (std::int64_t piece = 1; piece <= pieces; ++piece) {
    const std::int64_t until = steps_ * piece / pieces;
    computation_.run(until - done);
    done = until;
    if (test_ && request != nullptr) {
      int completed = 0;
      MPI_Test(request, &completed, MPI_STATUS_IGNORE);
    }
  }
}

void OverlapCase::communicate_and_compute(int from, int to) {
  for (int slot = from; slot < to; ++slot) {
    MPI_Request request = MPI_REQUEST_NULL;
    operation_.start(buffers_[slot], &request);
    compute(&request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
  }
}

void OverlapCase::pass(Recorder& recorder) {
  const int half = buffers_.slots() / 2;
  const int rest = buffers_.slots() - half;
  // An input that is consumed is there for one round only.
  const std::int64_t rounds = operation_.consumes_input() ? 1 : repetitions_.count();
  refill();
  const double communicate_s = recorder.time(
      "communicate",
      [&] {
        for (std::int64_t round = 0; round < rounds; ++round) communicate(0, half);
      },
      rounds * half);
  const double compute_s = recorder.time(
      "compute",
      [&] {
        for (std::int64_t operation = 0; operation < rounds * half; ++operation) compute(nullptr);
      },
      rounds * half);
  const double both_s = recorder.time(
      "both",
      [&] {
        for (std::int64_t round = 0; round < rounds; ++round) communicate_and_compute(half, half + rest);
      },
      rounds * rest);
  if (recorder.recording()) {
    recorder.add("overlap", overlapped_share(communicate_s, compute_s, both_s), "1");
    return;
  }
  repetitions_.learn(communicate_s, half);
  const double step_s = compute_s / static_cast<double>(steps_);
  shortest_step_s_ = shortest_step_s_ > 0 ? std::min(shortest_step_s_, step_s) : step_s;
  if (shortest_step_s_ > 0) {
    const double steps = repetitions_.shortest_s() / shortest_step_s_;
    steps_ = static_cast<std::int64_t>(std::clamp(steps, 1.0, 1e12));
  }
}

Check OverlapCase::check() {
  Check check = buffers_.check(true);
  const std::int64_t wrong = group_.sum(computation_.right() ? 0 : 1);
  check.how += "; computation in closed form";
  if (wrong > 0) {
    check.status = CheckStatus::fail;
    check.how += ": wrong on " + std::to_string(wrong) + " ranks";
    if (check.error) check.error = std::max(*check.error, 1.0);
  }
  return check;
}

std::vector<FigureOfMerit> OverlapCase::figures() const {
  auto figures = rating_.throughput("communicate");
  figures.push_back({"overlap", std::nullopt, "1", Better::higher, Reduce::median, std::nullopt, "overlap"});
  return figures;
}

std::map<std::string, std::string> OverlapCase::path() const {
  auto path = buffers_.path(true);
  path["progress"] = test_ ? "MPI_Test 16 times an operation" : "left to the MPI library";
  return path;
}

std::map<std::string, double> OverlapCase::metrics() const {
  return {{"working_set_bytes", buffers_.working_set_bytes()},
          {"message_bytes", rating_.bytes},
          {"ring_slots", static_cast<double>(buffers_.slots())},
          {"computation_steps", static_cast<double>(steps_)}};
}

}  // namespace assay::bench
