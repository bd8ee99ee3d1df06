#include "suites/harness/worker.h"

#include <omp.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/base/names.h"
#include "reports/base/utc.h"
#include "reports/record/record_json.h"
#include "suites/device/host/cpu.h"
#include "suites/harness/agreement.h"
#include "suites/harness/conditions.h"
#include "suites/harness/device_conditions.h"
#include "suites/harness/faults.h"
#include "suites/harness/machine_facts.h"
#include "suites/harness/measure.h"
#include "suites/harness/per_joule.h"
#include "suites/harness/processors.h"

namespace assay::bench {

const Benchmark& find_benchmark(const std::string& name) {
  std::vector<std::string> names;
  for (const Benchmark* benchmark : benchmarks()) {
    if (benchmark->spec.name == name) return *benchmark;
    names.push_back(benchmark->spec.name);
  }
  throw bad_input("unknown benchmark '" + name + "'", suggest(name, names));
}

std::vector<Record> merge_ranks(std::vector<Record> ranks, Scope scope) {
  std::vector<Record> merged;
  if (ranks.empty()) return merged;
  if (scope == Scope::group) {
    merged.push_back(ranks[0]);
    if (merged[0].devices.empty()) return merged;
    std::vector<Conditions> conditions;
    std::vector<const std::map<std::string, double>*> metrics;
    for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
      for (const DeviceResult& device : ranks[rank].devices) {
        conditions.push_back(device.conditions);
        metrics.push_back(&device.metrics);
      }
      // What befell the device of one rank befell all.
      for (const char* befell : {"throttled_by", "driver_error"})
        if (const auto found = ranks[rank].path.find(befell); found != ranks[rank].path.end())
          merged[0].path.try_emplace(befell, found->second + " (rank " + std::to_string(rank) + ")");
    }
    merged[0].devices[0].conditions = combine(conditions);
    combine_device_metrics(metrics, merged[0].devices[0].metrics);
    return merged;
  }
  std::map<std::string, std::size_t> place;
  for (Record& rank : ranks) {
    const auto [found, is_new] = place.emplace(rank.node, merged.size());
    if (is_new) {
      merged.push_back(std::move(rank));
    } else {
      auto& devices = merged[found->second].devices;
      for (DeviceResult& device : rank.devices) devices.push_back(std::move(device));
    }
  }
  return merged;
}

Worker::Worker(ProcessGroup& group, Clock& clock, std::filesystem::path root)
    : group_(group), clock_(clock), root_(std::move(root)), clock_cost_s_(reading_cost_s(clock)) {
  cpu_model_ = device::cpu_model();
  // The ring of a collective depends on the cache size, so all ranks must use the same one.
  last_level_cache_bytes_ =
      static_cast<std::uint64_t>(group_.maximum(static_cast<double>(assay::bench::last_level_cache_bytes())));
  // Ranks that the launcher bound to the same CPUs divide their cores; others have theirs alone.
  const std::vector<int> usable = device::usable_processors();
  const std::set<int> cpus(usable.begin(), usable.end());
  const auto places = group_.gather(group_.node_of(group_.rank()) + " " + format_cpu_list(cpus), 0);
  std::vector<int> sharing(static_cast<std::size_t>(group_.size()), 1);
  std::map<std::string, int> count;
  for (const std::string& place : places) ++count[place];
  for (std::size_t rank = 0; rank < places.size(); ++rank) sharing[rank] = count[places[rank]];
  group_.broadcast(sharing.data(), sharing.size() * sizeof(int), 0);
  cores_per_rank_ =
      static_cast<double>(count_cores(root_, cpus)) / sharing[static_cast<std::size_t>(group_.rank())];
  oversubscribed_ = group_.any(cores_per_rank_ < 1);
}

int Worker::nodes() const {
  std::set<std::string> names;
  for (int rank = 0; rank < group_.size(); ++rank) names.insert(group_.node_of(rank));
  return static_cast<int>(names.size());
}

int Worker::ranks_on_largest_node() const {
  std::map<std::string, int> count;
  int most = 0;
  for (int rank = 0; rank < group_.size(); ++rank) most = std::max(most, ++count[group_.node_of(rank)]);
  return most;
}

Geometry Worker::geometry() const {
  Geometry own;
  own.nodes = nodes();
  own.ranks_per_node = ranks_on_largest_node();
  return own;
}

std::string Worker::mismatch(const Geometry& asked) const {
  const int wanted = asked.nodes * asked.ranks_per_node;
  if (group_.size() == wanted && nodes() == asked.nodes && ranks_on_largest_node() == asked.ranks_per_node) {
    return {};
  }
  const auto describe = [](int ranks, int nodes) {
    return std::to_string(ranks) + (ranks == 1 ? " rank on " : " ranks on ") + std::to_string(nodes) +
           (nodes == 1 ? " node" : " nodes");
  };
  return "asked for " + describe(wanted, asked.nodes) + ", but this process group has " +
         describe(group_.size(), nodes()) + " (another geometry is another case); check that the launcher " +
         "belongs to the MPI library that assay-bench was built with";
}

void Worker::execute(const Benchmark& benchmark, const RequestedCase& requested, const StartSettings& start,
                     Context& context, Record& record) {
  const bool together = benchmark.spec.scope == Scope::group;
  std::unique_ptr<Case> measured;
  const std::string failure = agreed_failure(group_, [&] {
    measured = with_fault(benchmark.make(requested.identity.parameters, context), context);
    measured->prepare();
  });
  if (!failure.empty()) {
    record.status = LaunchStatus::failed;
    record.reason = failure;
    return;
  }
  ConditionsProbe probe(root_);
  device::Device* const works_on = measured->device();
  DeviceConditions device_conditions(works_on);
  MeasureSettings settings;
  settings.time_s = requested.time_s;
  Measurement measurement;
  try {
    measurement = measure(*measured, benchmark.spec.scope, group_, clock_, settings, [&] {
      probe.sample();
      device_conditions.mark();
    });
  } catch (const AgreedError& thrown) {
    record.status = LaunchStatus::failed;
    record.reason = thrown.what();
    return;
  } catch (const std::exception& thrown) {
    const std::string reason = thrown.what() + device_conditions.after_failure();
    if (group_.alone()) {
      record.status = LaunchStatus::failed;
      record.reason = reason;
      return;
    }
    std::fprintf(
        stderr,
        "assay-bench: rank %d: %s (while being timed: the other ranks wait for it); this start ends\n",
        group_.rank(), reason.c_str());
    MPI_Abort(group_.communicator(), static_cast<int>(ExitStatus::cannot_run));
  }
  DeviceResult device;
  device.conditions = probe.finish();
  device_conditions.finish(device.conditions, device.metrics);
  std::optional<double> energy_j = device_conditions.energy_j();
  if (together && works_on != nullptr) {
    energy_j = energy_of_all(group_, works_on->id(), energy_j);
    device.metrics.erase("energy_j");  // of this rank's device alone
    if (energy_j) device.metrics["energy_j"] = *energy_j;
    if (!energy_j) device.metrics.erase("energy_window_s");
  }
  const std::string check_failure = agreed_failure(group_, [&] {
    if (context.fault == Fault::wrong_element || context.fault == Fault::nan) measured->plant(context.fault);
    device.check = measured->check();
  });
  if (!check_failure.empty()) {
    record.status = LaunchStatus::failed;
    record.reason = "the check could not be done: " + check_failure;
    return;
  }
  const std::string unkept = agreed_failure(group_, [&] {
    for (const Attachment& attachment : measured->attachments()) {
      record.attachments.push_back(sha256_hex(attachment.bytes));
      if (start.attachments.empty()) continue;
      std::filesystem::create_directories(start.attachments);
      write_file(start.attachments / record.attachments.back(), attachment.bytes);
    }
    if (!context.trace_file.empty() && group_.rank() == 0) write_file(context.trace_file, measured->trace());
  });
  if (!unkept.empty()) {
    record.status = LaunchStatus::failed;
    record.reason = "what belongs to the result cannot be kept: " + unkept;
    record.attachments.clear();
    return;
  }
  device.rank = group_.rank();
  device.kind = together ? "group" : works_on != nullptr ? works_on->kind() : "cpu";
  device.name = together ? std::to_string(group_.size()) + (group_.size() == 1 ? " rank" : " ranks")
                         : (works_on != nullptr ? works_on->name() : cpu_model_);
  if (!together && works_on != nullptr) device.id = works_on->id();
  device.warmups = measurement.warmups;
  device.iterations = measurement.iterations;
  device.samples_s = measurement.samples_s;
  device.histogram = measurement.histogram;
  device.series = measurement.series;
  if (const auto joules =
          joules_per_iteration(energy_j, device_conditions.window_s(), measurement.iterations))
    device.series.try_emplace(energy_series, Series{"J", {*joules}, std::nullopt});
  device.converged = measurement.converged;
  for (const auto& [name, value] : measured->metrics()) device.metrics[name] = value;
  device.metrics["batch_iterations"] = static_cast<double>(measurement.batch);
  if (const auto* loop = dynamic_cast<const LoopCase*>(measured.get()))
    device.metrics["ring_slots"] = loop->ring();
  device.metrics["threads"] = context.threads;
  device.metrics["cores_per_rank"] = cores_per_rank_;
  device.metrics["clock_cost_s"] = clock_cost_s_;
  if (measurement.longest_s) device.metrics["longest_s"] = *measurement.longest_s;
  record.foms = measured->figures();
  record.path = measured->path();
  if (!measurement.warm_up.empty()) record.path["warm_up"] = measurement.warm_up;
  if (works_on != nullptr) record.path.merge(works_on->facts());
  if (const std::string by = device_conditions.throttled_by(); !by.empty()) record.path["throttled_by"] = by;
  if (const std::string error = device_conditions.driver_error(); !error.empty())
    record.path["driver_error"] = error;
  record.devices.push_back(std::move(device));
}

std::vector<Record> Worker::run(const RequestedCase& requested, const StartSettings& settings,
                                const Benchmark* benchmark) {
  Record record;
  record.benchmark = requested.identity.benchmark;
  record.parameters = requested.identity.parameters;
  record.geometry = requested.identity.geometry;
  record.start = settings.start;
  record.position = requested.position;
  record.node = group_.node_of(group_.rank());
  record.started = utc_now();
  record.planted = to_string(settings.fault);

  // The request is the same on every rank, so what it gets wrong is wrong on every rank.
  std::string reason;
  try {
    if (benchmark == nullptr) benchmark = &find_benchmark(requested.identity.benchmark);
    record.parameters = complete_parameters(benchmark->spec, requested.identity.parameters, {});
  } catch (const Error& wrong) {
    reason = wrong.what();
  }
  if (reason.empty()) reason = mismatch(requested.identity.geometry);
  if (!reason.empty()) {
    record.status = LaunchStatus::failed;
    record.reason = reason;
  } else {
    const int asked = requested.identity.geometry.threads_per_rank;
    Context context{group_,
                    asked > 0 ? asked : std::max(1, static_cast<int>(cores_per_rank_)),
                    settings.seed,
                    last_level_cache_bytes_,
                    settings.fault,
                    requested.time_s,
                    settings.storage,
                    settings.trace_file,
                    settings.library_flags};
    omp_set_num_threads(context.threads);
    RequestedCase complete = requested;
    complete.identity.parameters = record.parameters;
    const int minimum = benchmark->spec.minimum_ranks;
    if (group_.size() < minimum) {
      reason = "needs at least " + std::to_string(minimum) + " ranks, this start has " +
               std::to_string(group_.size()) + "; start it with mpiexec -n " + std::to_string(minimum);
    } else {
      reason = agree_on(group_, benchmark->unsupported(record.parameters, context));
    }
    if (!reason.empty()) {
      record.status = LaunchStatus::unsupported;
      record.reason = reason;
    } else {
      execute(*benchmark, complete, settings, context, record);
    }
  }

  std::string line;
  const std::string unwritable = agreed_failure(group_, [&] { line = to_json_line(record); });
  if (!unwritable.empty()) {
    record.status = LaunchStatus::failed;
    record.reason = "the result cannot be written down: " + unwritable;
    record.foms.clear();
    record.devices.clear();
    line = to_json_line(record);
  }
  const auto lines = group_.gather(line, 0);
  if (group_.rank() != 0) return {};
  std::vector<Record> ranks;
  ranks.reserve(lines.size());
  for (const std::string& one : lines)
    ranks.push_back(parse_record(one, {"rank " + std::to_string(ranks.size())}));
  return merge_ranks(std::move(ranks), benchmark != nullptr ? benchmark->spec.scope : Scope::group);
}

}  // namespace assay::bench
