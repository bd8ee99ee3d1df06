#include "suites/harness/recorder.h"

#include <set>
#include <string_view>

#include "reports/base/error.h"

namespace assay::bench {

namespace {

constexpr std::size_t most_samples = 64;

}  // namespace

Recorder::Recorder(Scope scope, const ProcessGroup& group, Clock& clock)
    : scope_(scope), group_(group), clock_(clock) {}

void Recorder::begin_pass(std::int64_t pass, bool recording) {
  pass_ = pass;
  recording_ = recording;
}

double Recorder::time(const std::string& name, const std::function<void()>& work, std::int64_t iterations) {
  // With scope device each rank is timed alone, and a rank may have parts that others have not.
  if (scope_ == Scope::group) group_.barrier();
  const double begin_s = clock_.now_s();
  if (disturbance_) disturbance_();
  work();
  own_time_ = {begin_s, clock_.now_s()};
  double seconds = (own_time_.end_s - begin_s) / static_cast<double>(iterations);
  if (scope_ == Scope::group) seconds = group_.maximum(seconds);
  add(name, seconds);
  return seconds;
}

void Recorder::add(const std::string& name, double value, const std::string& unit) {
  if (!recording_) return;
  Kept& kept = kept_.try_emplace(name, Kept{unit, {}, 1, 0, 0}).first->second;
  if (kept.unit != unit) throw Error(ExitStatus::cannot_run, "series '" + name + "' has two units");
  kept.pending_sum += value;
  if (++kept.pending < kept.per_sample) return;
  if (kept.samples.size() == most_samples) {
    for (std::size_t i = 0; i < most_samples / 2; ++i) {
      kept.samples[i] = (kept.samples[2 * i] + kept.samples[2 * i + 1]) / 2;
    }
    kept.samples.resize(most_samples / 2);
    kept.per_sample *= 2;
    return;  // what is pending is now half of a sample
  }
  kept.samples.push_back(kept.pending_sum / static_cast<double>(kept.pending));
  kept.pending_sum = 0;
  kept.pending = 0;
}

const std::vector<double>& Recorder::samples(const std::string& name) const {
  static const std::vector<double> none;
  const auto kept = kept_.find(name);
  return kept == kept_.end() ? none : kept->second.samples;
}

std::map<std::string, Series> Recorder::series() const {
  std::map<std::string, Series> all;
  for (const auto& [name, kept] : kept_) all[name] = {kept.unit, kept.samples, std::nullopt};
  if (scope_ == Scope::device) {
    for (const auto& [name, operations] : operations_) all[name].histogram = operations.histogram();
    return all;
  }
  std::string names;
  for (const auto& [name, operations] : operations_) names += name + '\n';
  // A rank may have had no operation of a kind that others had.
  std::set<std::string> known;
  for (const std::string& rank : group_.all_gather(names)) {
    for (std::size_t begin = 0, end = 0; (end = rank.find('\n', begin)) != std::string::npos; begin = end + 1)
      known.insert(rank.substr(begin, end - begin));
  }
  for (const std::string& name : known) {
    const auto own = operations_.find(name);
    all[name].histogram =
        add_over_ranks(group_, own == operations_.end() ? Histogram{} : own->second.histogram());
  }
  return all;
}

}  // namespace assay::bench
