#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "reports/record/unit.h"
#include "suites/harness/agreement.h"
#include "suites/harness/benchmark.h"
#include "suites/harness/parameters.h"
#include "suites/harness/recorder.h"
#include "suites/io/checkpoint/background.h"
#include "suites/io/checkpoint/checkpoint_files.h"
#include "suites/io/checkpoint/checkpoint_sizes.h"
#include "suites/io/checkpoint/memory.h"
#include "suites/io/support/cache_guard.h"
#include "suites/io/support/storage_parameters.h"
#include "suites/io/support/whose_files.h"
#include "suites/io/support/workspace.h"

namespace assay::bench {
namespace {

/// A larger checkpoint is written once, without a pass to warm up.
constexpr std::uint64_t most_bytes_of_a_warmup = std::uint64_t{1} << 30;
/// Steps of training that are timed alone, to compare with those beside the writing.
constexpr std::int64_t steps_alone = 3;

class Checkpoint final : public PassCase {
 public:
  Checkpoint(const Parameters& parameters, const Context& context)
      : context_(context),
        group_(context.group),
        storage_(text(parameters, "storage")),
        model_(checkpoint_model(text(parameters, "model"))),
        scale_(std::get<double>(parameters.at("scale"))),
        asynchronous_(text(parameters, "mode") == "asynchronous"),
        direct_(flag(parameters, "direct")),
        engine_{parse_engine(text(parameters, "engine")),
                static_cast<int>(integer(parameters, "queue_depth")),
                static_cast<std::size_t>(integer(parameters, "block"))},
        share_(rank_share(model_, scale_, group_.rank(), group_.size())),
        total_bytes_(checkpoint_bytes(model_, scale_, group_.size())),
        last_(group_.rank() == group_.size() - 1),
        silent_(context.fault == Fault::silent_rank && last_),
        cache_(direct_) {}

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = total_bytes_ <= most_bytes_of_a_warmup ? 1 : 0;
    limits.headline = asynchronous_ ? "durable" : "save";
    return limits;
  }

  void prepare() override {
    const Workspace::Need need{share_.bytes(), 2};
    Workspace::Options options;
    options.shared = false;  // checkpoints into each node's own disk are checkpoints too
    workspace_.emplace(context_, storage_, need, options);
    whose_ = whose_files(nodes_of(group_), group_.rank(), workspace_->shared());
    their_share_ = rank_share(model_, scale_, whose_, group_.size());
    agree_or_throw(group_, [&] {
      // The state is as large as the larger of what is saved and what is restored.
      const std::uint64_t state = std::max(share_.bytes(), their_share_.bytes());
      const std::uint64_t staging = asynchronous_ ? share_.bytes() : 0;
      const auto engine = static_cast<std::uint64_t>(engine_.queue_depth) * engine_.block_bytes;
      check_memory(group_, state + staging + (asynchronous_ ? 2 : 1) * engine);
      state_ = StateMemory(state);
      staging_ = StateMemory(staging);
      io_ = make_block_io(engine_);
      // An engine serves the thread that made it.
      if (asynchronous_) background_.emplace([&] { background_io_ = make_block_io(engine_); });
    });
    std::uint64_t run =
        (std::uint64_t{std::random_device()()} << 32 | std::random_device()()) ^ context_.seed;
    group_.broadcast(&run, sizeof run, 0);
    pattern_.emplace(run);
  }

  void poison() override {
    std::memset(state_.data(), 0xa5, state_.bytes());
    restored_bytes_ = 0;
  }

  void pass(Recorder& recorder) override {
    workspace_->remove_files();  // those of the pass before
    own_ = parts_of(share_, group_.rank(), recorder.pass());
    theirs_ = parts_of(their_share_, whose_, recorder.pass());
    for (const CheckpointPart& part : own_) workspace_->claim(part.file);
    fill_parts(*pattern_, own_, state_.data());
    if (asynchronous_) {
      save_beside_training(recorder);
    } else {
      timed(recorder, "save", share_.bytes(), [&] { write(*io_, state_.data()); });
    }
    spoil_a_file();
    agree([&] { drop_parts(workspace_->folder(), own_); });
    std::memset(state_.data(), 0xa5, state_.bytes());
    agree([&] {
      // What this rank reads must not be in its node's cache, whoever wrote it.
      for_each_whole_part([&](const CheckpointPart& part) {
        cache_.before(*workspace_, part.file, {0, part.bytes});
      });
    });
    timed(recorder, "restore", their_share_.bytes(),
          [&] { read_parts(*io_, workspace_->folder(), theirs_, state_.data(), direct_); });
    agree([&] {
      for_each_whole_part([&](const CheckpointPart& part) {
        cache_.after(*workspace_, part.file, {0, part.bytes});
      });
    });
    const Comparison comparison = compare_parts(*pattern_, theirs_, state_.data());
    restored_bytes_ = comparison.bytes - comparison.wrong;
    note(comparison.wrong, comparison.first);
  }

  Check check() override {
    const std::int64_t wrong = group_.sum(static_cast<std::int64_t>(wrong_bytes_));
    const std::int64_t right = group_.sum(static_cast<std::int64_t>(restored_bytes_));
    const auto firsts = group_.gather(first_wrong_, 0);
    cache_.agree(group_);
    const auto missing = static_cast<std::int64_t>(total_bytes_) - right;
    Check check;
    check.error = static_cast<double>(std::max(wrong, missing));
    check.bound = 0;
    check.status = *check.error <= *check.bound ? CheckStatus::pass : CheckStatus::fail;
    check.how = "every byte of " + format_value(static_cast<double>(total_bytes_), "B") +
                " compared after restoring, in every pass";
    if (asynchronous_) check.how += "; every word that training changed meanwhile";
    if (wrong > 0) check.how += "; " + std::to_string(wrong) + " bytes wrong";
    if (missing > 0 && wrong == 0)
      check.how += "; " + std::to_string(missing) + " bytes not restored in the last pass";
    for (std::size_t rank = 0; rank < firsts.size(); ++rank) {
      if (firsts[rank].empty()) continue;
      check.how += ", first seen by rank " + std::to_string(rank) + ": " + firsts[rank];
      break;
    }
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    std::vector<FigureOfMerit> all;
    const auto rate = [&](const char* name, const char* series, double bytes) {
      FigureOfMerit figure{name, bytes, "B/s", Better::higher, Reduce::median, std::nullopt};
      figure.series = series;
      all.push_back(figure);
    };
    const auto plain = [&](const char* name, const char* series, const char* unit) {
      FigureOfMerit figure{name, std::nullopt, unit, Better::lower, Reduce::median, std::nullopt};
      figure.series = series;
      all.push_back(figure);
    };
    const auto total = static_cast<double>(total_bytes_);
    const double mean = total / group_.size();
    if (asynchronous_) {
      plain("blocked", "blocked", "s");
      plain("durable", "durable", "s");
      plain("slowdown", "slowdown", "1");
    } else {
      rate("save", "save", total);
      rate("save_slowest", "save_slowest", mean);
      plain("save_time", "save", "s");
    }
    rate("restore", "restore", total);
    rate("restore_slowest", "restore_slowest", mean);
    plain("restore_time", "restore", "s");
    return all;
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = workspace_->path();
    path["engine"] = io_->description();
    path["cache"] =
        direct_ ? "O_DIRECT: none" : "page cache, forced to the storage, dropped before the restore";
    path["restored_by"] = all_from_another_node(nodes_of(group_), workspace_->shared())
                              ? "another node than the one that saved"
                              : "the node that saved";
    cache_.add_to(path);
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics{
        {"checkpoint_bytes", static_cast<double>(total_bytes_)},
        {"rank_model_bytes", static_cast<double>(share_.model_bytes)},
        {"rank_optimizer_bytes", static_cast<double>(share_.optimizer_bytes)},
        {"published_ranks", static_cast<double>(model_.ranks())}};
    cache_.add_to(metrics);
    return metrics;
  }

  /// Wrong contents are planted into a file on disk, between save and restore: see spoil_a_file.
  void plant(Fault) override {}

 private:
  /// Runs a step on every rank; when it fails on one, all remove what they made and give up.
  void agree(const std::function<void()>& step) {
    const std::string failure = agreed_failure(group_, step);
    if (failure.empty()) return;
    workspace_->clear();
    throw AgreedError(failure);
  }

  void write(BlockIo& io, const std::byte* from) {
    if (!silent_) write_parts(io, workspace_->folder(), own_, from, direct_);
  }

  /// Times a part that may fail on some ranks only. Beside the longest time over ranks, the series
  /// `name`_slowest gets the longest time for the same number of bytes: that of the slowest rank.
  void timed(Recorder& recorder, const std::string& name, std::uint64_t bytes,
             const std::function<void()>& work) {
    std::string failure;
    double seconds = 0;
    recorder.time(name, [&] {
      const double begin_s = recorder.now_s();
      try {
        work();
      } catch (const std::exception& error) {
        failure = error.what();  // thrown once all ranks know: others are on their way to a barrier
      }
      seconds = recorder.now_s() - begin_s;
    });
    agree([&] {
      if (!failure.empty()) throw Error(ExitStatus::cannot_run, failure);
    });
    const double mean = static_cast<double>(total_bytes_) / group_.size();
    recorder.add(name + "_slowest", group_.maximum(seconds / static_cast<double>(bytes) * mean));
  }

  void save_beside_training(Recorder& recorder) {
    const double alone_s = recorder.time(
        "step", [&] { train_steps(steps_alone); }, steps_alone);
    check_training(steps_alone);
    std::string failure;
    double begin_s = 0;
    double durable_s = 0;
    recorder.time("blocked", [&] {
      begin_s = recorder.now_s();
      std::memcpy(staging_.data(), state_.data(), share_.bytes());
      background_->start([&] {
        try {
          write(*background_io_, staging_.data());
        } catch (const std::exception& error) {
          failure = error.what();
        }
        durable_s = recorder.now_s() - begin_s;
      });
    });
    const double training_begin_s = recorder.now_s();
    std::int64_t steps = 0;
    do {
      train_steps(1);
      ++steps;
    } while (!background_->done());
    const double step_s = (recorder.now_s() - training_begin_s) / static_cast<double>(steps);
    background_->wait();
    agree([&] {
      if (!failure.empty()) throw Error(ExitStatus::cannot_run, failure);
    });
    recorder.add("durable", group_.maximum(durable_s));
    recorder.add("slowdown", group_.maximum(step_s) / alone_s, "1");
    check_training(steps);
  }

  void train_steps(std::int64_t steps) {
    for (std::int64_t step = 0; step < steps; ++step) train(state_.data(), share_.bytes(), 1);
  }

  /// Takes the steps back and compares: the state is as it was filled.
  void check_training(std::int64_t steps) {
    train(state_.data(), share_.bytes(), -steps);
    const Comparison comparison = compare_parts(*pattern_, own_, state_.data());
    note(comparison.wrong,
         comparison.first.empty() ? "" : "training changed it wrongly: " + comparison.first);
  }

  void note(std::uint64_t wrong, const std::string& what) {
    if (wrong > 0 && wrong_bytes_ == 0) first_wrong_ = what;
    wrong_bytes_ += wrong;
  }

  /// Files that this rank reads; one that is missing is left for the comparison to find.
  void for_each_whole_part(const std::function<void(const CheckpointPart&)>& act) {
    for (const CheckpointPart& part : theirs_) {
      if (is_whole(workspace_->folder(), part)) act(part);
    }
  }

  /// The planted faults: one byte of the last rank's optimizer file changed, or a NaN in it.
  void spoil_a_file() {
    const bool wrong_element = context_.fault == Fault::wrong_element;
    if (!last_ || !(wrong_element || context_.fault == Fault::nan)) return;
    const CheckpointPart& part = own_.back();
    const OpenFile opened = workspace_->open_file(part.file, O_RDWR);
    const int file = opened.descriptor();
    std::byte spoilt[sizeof(double)];
    std::fill(std::begin(spoilt), std::end(spoilt), std::byte{0xff});  // a NaN in any floating-point type
    std::size_t count = sizeof spoilt;
    const auto place = static_cast<off_t>(part.bytes / 2);
    if (wrong_element) {
      count = 1;
      if (pread(file, spoilt, count, place) == 1) spoilt[0] ^= std::byte{1};
    }
    // Where this does not succeed the fault is not found, and whoever planted it sees that.
    if (pwrite(file, spoilt, count, place) < 0) note(0, "");
  }

  Context context_;
  ProcessGroup& group_;
  std::string storage_;
  const CheckpointModel& model_;
  double scale_;
  bool asynchronous_;
  bool direct_;
  BlockIoSettings engine_;
  RankShare share_, their_share_;
  std::uint64_t total_bytes_;
  bool last_;
  bool silent_;
  int whose_ = 0;
  std::optional<Workspace> workspace_;
  CacheGuard cache_;
  StateMemory state_, staging_;
  std::optional<Pattern> pattern_;
  std::vector<CheckpointPart> own_, theirs_;
  std::unique_ptr<BlockIo> io_, background_io_;
  std::uint64_t wrong_bytes_ = 0;
  std::uint64_t restored_bytes_ = 0;  ///< right ones, in the last pass
  std::string first_wrong_;
  std::optional<BackgroundThread> background_;  ///< goes first: it writes from the memory above
};

std::string unsupported(const Parameters& parameters, const Context& context) {
  std::string reason = storage_unsupported(context, text(parameters, "storage"));
  if (reason.empty()) reason = direct_unsupported(flag(parameters, "direct"), integer(parameters, "block"));
  if (reason.empty() && parse_engine(text(parameters, "engine")) == Engine::io_uring)
    reason = io_uring_unsupported();
  return reason;
}

std::unique_ptr<Case> make(const Parameters& parameters, const Context& context) {
  return std::make_unique<Checkpoint>(parameters, context);
}

std::vector<ParameterSpec> describe_parameters() {
  std::vector<std::string> models;
  for (const CheckpointModel& one : checkpoint_models()) models.push_back(one.name);
  ParameterSpec scale = real_parameter(
      "scale", "", 1e-3, 1e-9, 1,
      "share of the checkpoint that is written, by all ranks together; 1 for an acceptance figure");
  ParameterSpec mode =
      choice_parameter("mode", {"synchronous", "asynchronous"},
                       "training waits for the storage, or for a copy in memory that is written beside it");
  return {choice_parameter("model", models, "whose checkpoint: sizes and layout of MLPerf Storage v2.0"),
          storage_parameter(),
          scale,
          mode,
          block_parameter(std::int64_t{1} << 20),
          queue_depth_parameter(16),
          engine_parameter(),
          direct_parameter()};
}

BenchmarkSpec describe_checkpoint() {
  BenchmarkSpec spec;
  spec.name = "io/checkpoint";
  spec.title = "Checkpoints of a training job: save and restore";
  spec.area = "io";
  spec.scope = Scope::group;
  spec.own_start = true;
  spec.parameters = describe_parameters();
  const std::pair<std::string, std::string> synchronous{"mode", "synchronous"};
  const std::pair<std::string, std::string> asynchronous{"mode", "asynchronous"};
  spec.foms = {
      {"save", "B/s", Better::higher, "bytes of all ranks / the longest time of a rank", synchronous},
      {"save_slowest", "B/s", Better::higher, "bytes of a rank / its time, the least over ranks",
       synchronous},
      {"save_time", "s", Better::lower, "until all files are on the storage, the longest over ranks",
       synchronous},
      {"blocked", "s", Better::lower, "until training may go on, the longest over ranks", asynchronous},
      {"durable", "s", Better::lower, "until all files are on the storage, the longest over ranks",
       asynchronous},
      {"slowdown", "1", Better::lower, "time of a training step beside the writing / alone", asynchronous},
      {"restore", "B/s", Better::higher, "bytes of all ranks / the longest time of a rank", {}},
      {"restore_slowest", "B/s", Better::higher, "bytes of a rank / its time, the least over ranks", {}},
      {"restore_time", "s", Better::lower, "until the state is in memory again, the longest over ranks", {}},
  };
  return spec;
}

}  // namespace

const Benchmark& io_checkpoint() {
  static const Benchmark benchmark{describe_checkpoint(), &unsupported, &make};
  return benchmark;
}

}  // namespace assay::bench
