#include "suites/harness/faults.h"

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "reports/base/error.h"
#include "reports/base/names.h"
#include "suites/harness/recorder.h"

namespace assay::bench {

namespace {

constexpr std::array<std::pair<Fault, const char*>, 8> names = {{
    {Fault::wrong_element, "wrong_element"},
    {Fault::nan, "nan"},
    {Fault::silent_rank, "silent_rank"},
    {Fault::slow_rank, "slow_rank"},
    {Fault::hang, "hang"},
    {Fault::crash, "crash"},
    {Fault::truncated_record, "truncated_record"},
    {Fault::garbage, "garbage"},
}};

/// What a rank that is far too slow adds to each iteration: much to the smallest case, something to the
/// largest.
constexpr std::chrono::milliseconds slowness{5};

void strike(Fault fault) {
  if (fault == Fault::crash) std::abort();
  while (fault == Fault::hang) pause();
  std::this_thread::sleep_for(slowness);
}

/// A case that is another one in all respects but its timed work.
template <typename Kind>
class Faulty : public Kind {
 public:
  Faulty(std::unique_ptr<Kind> inner, Fault fault) : inner_(std::move(inner)), fault_(fault) {}

  void prepare() override { inner_->prepare(); }
  void poison() override { inner_->poison(); }
  Check check() override { return inner_->check(); }
  std::vector<FigureOfMerit> figures() const override { return inner_->figures(); }
  std::map<std::string, std::string> path() const override { return inner_->path(); }
  std::map<std::string, double> metrics() const override { return inner_->metrics(); }
  std::vector<Attachment> attachments() const override { return inner_->attachments(); }
  device::Device* device() const override { return inner_->device(); }
  std::string trace() const override { return inner_->trace(); }
  void plant(Fault fault) override { inner_->plant(fault); }

 protected:
  std::unique_ptr<Kind> inner_;
  Fault fault_;
};

class FaultyLoop final : public Faulty<LoopCase> {
 public:
  using Faulty::Faulty;
  Mode mode() const override { return inner_->mode(); }
  int ring() const override { return inner_->ring(); }
  bool consumes_input() const override { return inner_->consumes_input(); }
  void refill() override { inner_->refill(); }
  void iterate(int slot) override {
    strike(fault_);
    inner_->iterate(slot);
  }
  void finish() override { inner_->finish(); }
  double shortest_interval_s() const override { return inner_->shortest_interval_s(); }
  double settling_limit_s(double time_s) const override { return inner_->settling_limit_s(time_s); }
};

class FaultyPasses final : public Faulty<PassCase> {
 public:
  using Faulty::Faulty;
  PassLimits limits() const override { return inner_->limits(); }
  void pass(Recorder& recorder) override {
    recorder.disturb([this] { strike(fault_); });
    inner_->pass(recorder);
  }
};

}  // namespace

std::string to_string(Fault fault) {
  for (const auto& [known, name] : names) {
    if (known == fault) return name;
  }
  return "";
}

std::vector<std::string> fault_names() {
  std::vector<std::string> all;
  for (const auto& [fault, name] : names) all.emplace_back(name);
  return all;
}

Fault parse_fault(const std::string& name) {
  if (name.empty()) return Fault::none;
  for (const auto& [fault, known] : names) {
    if (name == known) return fault;
  }
  throw bad_input("unknown fault '" + name + "'", suggest(name, fault_names()));
}

std::unique_ptr<Case> with_fault(std::unique_ptr<Case> inner, const Context& context) {
  const bool in_iterations =
      context.fault == Fault::slow_rank || context.fault == Fault::hang || context.fault == Fault::crash;
  const bool last = context.group.rank() == context.group.size() - 1;
  if (!in_iterations || !last) return inner;
  if (auto* loop = dynamic_cast<LoopCase*>(inner.get())) {
    inner.release();
    return std::make_unique<FaultyLoop>(std::unique_ptr<LoopCase>(loop), context.fault);
  }
  auto* passes = dynamic_cast<PassCase*>(inner.get());
  inner.release();
  return std::make_unique<FaultyPasses>(std::unique_ptr<PassCase>(passes), context.fault);
}

}  // namespace assay::bench
