#include "suites/training/llm_step/llm_step.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reports/base/error.h"
#include "reports/base/files.h"
#include "reports/base/names.h"
#include "suites/device/collectives.h"
#include "suites/device/device.h"
#include "suites/harness/agreement.h"
#include "suites/harness/chosen_device.h"
#include "suites/harness/group_energy.h"
#include "suites/harness/recorder.h"
#include "suites/training/llm_step/checkpointing.h"
#include "suites/training/llm_step/corpus.h"
#include "suites/training/llm_step/device_time.h"
#include "suites/training/llm_step/figures.h"
#include "suites/training/llm_step/gemm_rate.h"
#include "suites/training/llm_step/rank_times.h"
#include "suites/training/llm_step/settings.h"
#include "suites/training/llm_step/trace_of_step.h"
#include "suites/training/llm_step/verdict.h"
#include "suites/training/support/fingerprint.h"
#include "suites/training/support/loader.h"
#include "suites/training/support/resident_memory.h"

namespace assay::bench {

namespace {

using device::Element;

/// The loader and the trainer read the clock of the pass that they work for.
class PassClock final : public Clock {
 public:
  double now_s() override { return recorder_ == nullptr ? 0 : recorder_->now_s(); }
  void use(const Recorder* recorder) { recorder_ = recorder; }

 private:
  const Recorder* recorder_ = nullptr;
};

class LlmStep final : public PassCase {
 public:
  LlmStep(const Parameters& parameters, const Context& context, device::Device& device)
      : context_(context),
        device_(device),
        group_(context.group),
        settings_(llm_step_settings(parameters, context.group.size())),
        storage_(text(parameters, "storage")),
        source_(token_source(context.seed, settings_.shape.vocabulary)),
        corpus_size_(corpus_size(settings_)),
        rank_times_(group_),
        energy_(group_, "/", settings_.on_gpu ? &device : nullptr) {}

  device::Device* device() const override { return settings_.on_gpu ? &device_ : nullptr; }

  PassLimits limits() const override {
    PassLimits limits;
    limits.warmups = settings_.warmups;
    limits.minimum = settings_.steps;
    limits.maximum = static_cast<int>(
        std::clamp<std::int64_t>(corpus_size_.steps - settings_.warmups, settings_.steps, limits.maximum));
    limits.headline = "step";
    return limits;
  }

  void prepare() override {
    // Before the training has any memory, and no more than it will have.
    SteadyClock clock;
    free_before_ = settings_.on_gpu ? device_.available_bytes() : std::nullopt;
    facts_.gemm =
        measure_gemm_rate(group_, device_, settings_.element, context_.threads,
                          training::total_bytes(training::memory_items(
                              settings_.shape, settings_.layout, group_.rank(), memory_request(settings_))),
                          std::clamp(context_.time_s / 20, 0.2, 2.0), clock);
    facts_.rss_before_bytes = training::resident_bytes();
    training::forget_peak_resident();
    corpus_ = std::make_unique<Corpus>(context_, storage_, source_, corpus_size_);
    // Ranks that fail alone must not leave others waiting in the trainer's constructor.
    agree_or_throw(group_, [&] {
      load_from(0);
      operators_ = device_.operators(settings_.element, context_.threads);
    });
    training::Workplace workplace{device_, *operators_};
    if (!settings_.collectives.empty())
      workplace.collectives = [this](const device::Meeting& meeting) {
        return device::collectives_of(settings_.collectives, device_, meeting);
      };
    trainer_ = std::make_unique<training::Trainer>(
        group_, settings_.shape, settings_.layout, workplace, settings_.optimizer,
        [this] { return clock_.now_s(); },
        context_.fault == Fault::silent_rank && group_.rank() == group_.size() - 1);
    device_time_ = device_time(device_);
    if (device_time_) trainer_->on_work([this] { device_time_->start(); }, [this] { device_time_->stop(); });
    trainer_->initialise(context_.seed);
    if (settings_.checkpoint_every > 0) checkpointing_.emplace(context_, storage_, settings_, *trainer_);
    ceiling_ = device_.gemm_ceiling(settings_.element, context_.threads);
  }

  /// Weights and moments are what the training is about; everything else is computed anew in each step.
  void poison() override {
    trainer_->poison();
    last_pass_ = true;
  }

  void pass(Recorder& recorder) override {
    if (context_.fault == Fault::wrong_element && fingerprint_.size() == 1) corrupt();
    clock_.use(&recorder);
    if (recorder.recording() && rank_times_.steps() == 0) energy_.start(recorder.now_s());
    // One step of the warm-up shows the phases of those that nobody waits within.
    const bool phases =
        trainer_->asynchronous() && recorder.pass() > 0 && recorder.pass() + 1 == settings_.warmups;
    trainer_->wait_between_phases(phases);
    const double exchanged_s = trainer_->exchanged_within_layers_s();
    training::StepResult result;
    const double step_s = recorder.time("step", [&] {
      result = trainer_->step([&](std::int64_t micro_batch) { return next_batch(micro_batch); }, last_pass_);
    });
    own_ = recorder.own_time();
    OwnStep own{own_.end_s - own_.begin_s, {}, trainer_->exchanged_within_layers_s() - exchanged_s};
    for (std::size_t i = 0; i < training::phase_count; ++i)
      own.phases_s[i] = trainer_->log().total_s(static_cast<training::Phase>(i));
    if (phases) phased_ = {own, own_, trainer_->steps(), trainer_->log().spans()};
    add_phases(recorder, own);
    recorder.add("loss", result.loss, "1");
    // Each step once: the histogram adds up what all ranks give.
    if (group_.rank() == 0) recorder.operation("each_step", step_s);
    if (recorder.recording()) {
      energy_.read(recorder.now_s());
      if (!facts_.steps_s.empty()) recorder.add("change", std::abs(step_s / facts_.steps_s.back() - 1), "1");
      facts_.steps_s.push_back(step_s);
      if (device_time_ && trainer_->asynchronous()) facts_.device_steps_s.push_back(device_time_->seconds());
      rank_times_.add(own);
    }
    keep(result);
    if (checkpointing_) checkpointing_->after_step(recorder);
    if (recorder.pass() == 0) trainer_->record_steps();
    clock_.use(nullptr);
  }

  void plant(Fault fault) override {
    if (group_.rank() != group_.size() - 1) return;
    const std::size_t bytes = device::bytes_of(settings_.element);
    if (fault == Fault::nan) change_weight([&](std::byte* weight) { std::memset(weight, 0xFF, bytes); });
    if (fault != Fault::wrong_element) return;
    change_weight([](std::byte* weight) { weight[0] ^= std::byte{1}; });  // the lowest bit
    if (checkpointing_) checkpointing_->plant();
  }

  Check check() override {
    std::vector<double> losses;
    for (const training::StepFingerprint& step : fingerprint_) losses.push_back(step.loss);
    const Verdict learning = judge_learning(losses, task());
    const std::vector<RankState> states = all_states();
    const Verdict ranks = judge_ranks(states, settings_.layout, settings_.shape.tied_head);
    rank_times_.gather();
    energy_.gather();
    if (!context_.trace_file.empty())
      trace_ = phased_.step > 0 ? trace_of_step(group_, phased_.step, phased_.interval, phased_.spans)
                                : trace_of_step(group_, trainer_->steps(), own_, trainer_->log().spans());
    find_facts();
    // Last: it goes back to an earlier state.
    const Verdict resumed = checkpointing_ ? go_on_from_checkpoint() : Verdict{};

    std::vector<std::string> problems = learning.problems;
    for (const Verdict* more : {&ranks, &resumed})
      problems.insert(problems.end(), more->problems.begin(), more->problems.end());
    const bool a_number =
        std::all_of(losses.begin(), losses.end(), [](double loss) { return std::isfinite(loss); }) &&
        std::all_of(states.begin(), states.end(),
                    [](const RankState& state) { return state.not_finite == 0; });
    Check check;
    check.bound = 0;
    if (a_number) check.error = static_cast<double>(problems.size());
    check.status = problems.empty() ? CheckStatus::pass : CheckStatus::fail;
    for (const std::string& words : {learning.words, ranks.words, resumed.words}) {
      if (!words.empty()) problems.push_back(words);
    }
    check.how = join(problems, "; ");
    return check;
  }

  std::vector<FigureOfMerit> figures() const override {
    std::vector<FigureOfMerit> figures = llm_step_figures(settings_, facts_);
    if (checkpointing_) figures.push_back(checkpointing_->figure());
    return figures;
  }

  std::map<std::string, std::string> path() const override {
    std::map<std::string, std::string> path = operators_->describe();
    path["precision"] = precision();
    path["model"] = describe(settings_.shape);
    path["layout"] = describe(settings_.layout);
    path["optimizer"] = optimizer();
    path.merge(llm_step_words(settings_, facts_));
    path["tokens"] = "Markov source of " + std::to_string(source_.symbols()) + " symbols, " +
                     std::to_string(corpus_size_.shards) + " shards on " + corpus_->where();
    // Later steps depend on how much time there was: nodes are compared by these.
    const auto steps =
        std::min(fingerprint_.size(), static_cast<std::size_t>(settings_.warmups + settings_.steps));
    path["fingerprint"] =
        sha256_hex(training::to_text(
            {fingerprint_.begin(), fingerprint_.begin() + static_cast<std::ptrdiff_t>(steps)})) +
        " (" + std::to_string(steps) + " steps, seed " + std::to_string(context_.seed) + ")";
    if (checkpointing_) checkpointing_->add_to(path);
    if (settings_.on_gpu) add_device_words(path);
    return path;
  }

  std::map<std::string, double> metrics() const override {
    std::map<std::string, double> metrics = llm_step_metrics(settings_, facts_);
    std::map<std::string, double> of_ranks = rank_metrics(rank_times_.ranks(), rank_times_.steps());
    if (trainer_->asynchronous()) {
      std::erase_if(of_ranks, [](const auto& one) { return one.first.starts_with("share_"); });
      if (phased_.step > 0) of_ranks.merge(shares_of(phased_.own));
    }
    metrics.merge(of_ranks);
    if (checkpointing_) checkpointing_->add_to(metrics, facts_.steps_s);
    return metrics;
  }

  std::vector<Attachment> attachments() const override {
    if (group_.rank() != 0) return {};
    return {{training::to_text(fingerprint_)}, {to_json(rank_times_.map())}};
  }

  std::string trace() const override { return trace_; }

 private:
  /// The one before goes first: there is memory for one queue.
  void load_from(std::int64_t first_step) {
    loader_.reset();
    training::LoaderSettings loading;
    loading.shards = corpus_->shards();
    loading.vocabulary = settings_.shape.vocabulary;
    loading.sequence = settings_.shape.sequence;
    loading.micro_batch = settings_.layout.micro_batch;
    loading.global_batch = settings_.layout.global_batch;
    loading.data_rank = training::coordinates_of(settings_.layout, group_.rank()).data;
    loading.data_ranks = settings_.layout.data;
    loading.seed = context_.seed;
    loading.first_step = first_step;
    loader_ = std::make_unique<training::Loader>(loading, clock_);
  }

  training::MicroBatch next_batch(std::int64_t micro_batch) {
    const training::TokenBatch& batch = loader_->next();
    if (batch.micro_batch != micro_batch || batch.step != trainer_->steps())
      throw std::logic_error("the loader and the step do not agree on which micro-batch is next");
    return {batch.inputs.data(), batch.targets.data()};
  }

  LearningTask task() const {
    return {std::log(static_cast<double>(settings_.shape.vocabulary)), source_.entropy(), source_.variance(),
            settings_.tokens_per_step(), corpus_size_.steps};
  }

  /// Silent corruption in the middle of the training: a bit of one weight of the last rank, of its mantissa
  /// and large enough not to be rounded away. The fingerprint of every later step must show it.
  void corrupt() {
    if (group_.rank() != group_.size() - 1) return;
    change_weight(
        [this](std::byte* weight) { weight[device::bytes_of(settings_.element) - 2] ^= std::byte{8}; });
  }

  /// The first one of the last tensor.
  void change_weight(const std::function<void(std::byte*)>& change) {
    trainer_->change_weight(trainer_->local().tensors.back().offset, change);
  }

  /// Each the longest over the ranks. Of steps that are only begun the host sees no phase but data.
  void add_phases(Recorder& recorder, const OwnStep& own) {
    std::vector<double> parts(own.phases_s.begin(), own.phases_s.end());
    group_.maximum(parts);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto phase = static_cast<training::Phase>(i);
      if (trainer_->asynchronous() && phase != training::Phase::data) continue;
      recorder.add(std::string(training::name_of(phase)), parts[i]);
    }
  }

  void add_device_words(std::map<std::string, std::string>& path) const {
    path["step"] = trainer_->how();
    if (const std::string words = trainer_->exchange_words(); !words.empty()) path["gradients"] = words;
    if (settings_.layout.tensor > 1) path["within_layers"] = "MPI, staged through the host";
    if (settings_.layout.pipeline > 1) path["between_stages"] = "MPI, staged through the host";
    if (!trainer_->asynchronous()) return;
    path["phases"] = "not known: they need two steps of warm-up at least";
    if (phased_.step == 0) return;
    std::array<char, 160> text{};
    std::snprintf(
        text.data(), text.size(),
        "of step %d, in the warm-up, begun kernel by kernel and waited for after each phase: %.4g s",
        static_cast<int>(phased_.step), phased_.own.whole_s);
    path["phases"] = text.data();
  }

  /// What is known of a step when it has ended; not timed.
  void keep(const training::StepResult& result) {
    last_ = result;
    after_last_step_ = trainer_->checksum_of_all();
    fingerprint_.push_back(fingerprint_of(result));
  }

  training::StepFingerprint fingerprint_of(const training::StepResult& result) const {
    std::vector<std::uint64_t> model = {trainer_->at().data == 0 ? trainer_->checksum() : 0};
    group_.sum(model);
    return {trainer_->steps(), result.loss, result.gradient_norm, model[0]};
  }

  Verdict go_on_from_checkpoint() {
    Checkpointing::Course course;
    course.load_from = [this](std::int64_t step) { agree_or_throw(group_, [&] { load_from(step); }); };
    course.one_step = [this] {
      return fingerprint_of(
          trainer_->step([&](std::int64_t micro_batch) { return next_batch(micro_batch); }));
    };
    return checkpointing_->check(fingerprint_, course);
  }

  std::vector<RankState> all_states() const {
    RankState own;
    own.own_loss = last_.own_loss;
    own.own_squares = last_.own_squares;
    own.after_last_step = after_last_step_;
    own.now = trainer_->checksum_of_all();
    own.table = trainer_->checksum_of_table();
    own.not_finite = trainer_->not_finite();
    own.exchange = trainer_->verify_exchange();
    std::string bytes(sizeof own, '\0');
    std::memcpy(bytes.data(), &own, sizeof own);
    std::vector<RankState> all;
    for (const std::string& one : group_.all_gather(bytes)) {
      RankState& state = all.emplace_back();
      std::memcpy(&state, one.data(), sizeof state);
    }
    return all;
  }

  void find_facts() {
    facts_.ranks = group_.size();
    facts_.warmups = static_cast<std::int64_t>(fingerprint_.size()) - rank_times_.steps();
    facts_.energy_j = energy_.joules();
    facts_.energy_time_s = energy_.elapsed_s();
    facts_.energy_words = energy_.words();
    facts_.entropy_nats = source_.entropy();
    facts_.loss_bound_nats = learned_bound(task());
    facts_.last_loss_nats = last_.loss;
    facts_.steps_checked = static_cast<std::int64_t>(fingerprint_.size());
    training::MemoryRequest request = memory_request(settings_);
    request.scratch_bytes = operators_->scratch_bytes();
    request.loader_bytes = loader_bytes(settings_);
    const auto items = training::memory_items(settings_.shape, settings_.layout, group_.rank(), request);
    if (const auto free = device_.available_bytes(); free_before_ && free)
      facts_.device_memory_bytes = static_cast<double>(*free_before_) - static_cast<double>(*free);
    if (!group_.any(!facts_.device_memory_bytes))
      facts_.device_memory_bytes = group_.maximum(*facts_.device_memory_bytes);
    facts_.memory_estimate_bytes = group_.maximum(static_cast<double>(training::resident_bytes(items)));
    facts_.rss_before_bytes = group_.maximum(facts_.rss_before_bytes);
    facts_.peak_rss_bytes = group_.maximum(training::peak_resident_bytes());
    facts_.bytes_sent = static_cast<double>(group_.sum(trainer_->bytes_sent()));
    // What disturbs the machine for a moment must not make the ceiling low: the better of before and after.
    const auto again = device_.gemm_ceiling(settings_.element, context_.threads);
    if (again && (!ceiling_ || again->per_second > ceiling_->per_second)) ceiling_ = again;
    const bool known = !group_.any(!ceiling_);
    std::vector<double> each(static_cast<std::size_t>(group_.size()));
    if (ceiling_) each[static_cast<std::size_t>(group_.rank())] = ceiling_->per_second;
    group_.maximum(each);
    for (const double one : each) facts_.ceiling_per_second += known ? one : 0;
    if (ceiling_) facts_.ceiling_source = ceiling_->source;
  }

  std::string precision() const {
    if (settings_.element != Element::bf16)
      return std::string(device::name_of(settings_.element)) + " throughout";
    return std::string("bf16 activations and products, f32 accumulation, gradients") +
           (settings_.optimizer.narrow_moments ? " and master weights"
                                               : ", master weights and AdamW moments");
  }

  std::string optimizer() const {
    const training::OptimizerSettings& o = settings_.optimizer;
    std::array<char, 160> text{};
    std::snprintf(
        text.data(), text.size(),
        "AdamW, rate %g after %d steps of warm-up, beta %g and %g, decay %g of matrices, clipped at %g",
        o.rate, static_cast<int>(o.warmup), o.beta1, o.beta2, o.decay, o.clip);
    return std::string(text.data()) + (o.narrow_moments ? ", moments in bf16, rounded by chance" : "");
  }

  /// A step that was waited for after each phase.
  struct PhasedStep {
    OwnStep own;
    Recorder::Interval interval;
    std::int64_t step = 0;  ///< 0: there was none
    std::vector<training::Span> spans;
  };

  const Context context_;
  device::Device& device_;
  const ProcessGroup& group_;
  const LlmStepSettings settings_;
  const std::string storage_;
  const training::MarkovSource source_;
  const CorpusSize corpus_size_;
  PassClock clock_;
  std::unique_ptr<Corpus> corpus_;  ///< its files are open until the loader is gone
  std::unique_ptr<training::Loader> loader_;
  std::unique_ptr<device::Operators> operators_;
  std::unique_ptr<training::Trainer> trainer_;
  std::optional<Checkpointing> checkpointing_;
  std::optional<device::Ceiling> ceiling_;
  std::unique_ptr<DeviceTime> device_time_;
  std::optional<std::uint64_t> free_before_;  ///< bytes of the device
  PhasedStep phased_;
  bool last_pass_ = false;  ///< its sums of gradients are verified
  RankTimes rank_times_;
  GroupEnergy energy_;
  Recorder::Interval own_;  ///< of the latest step
  std::string trace_;
  training::StepResult last_;
  std::uint64_t after_last_step_ = 0;
  training::Fingerprint fingerprint_;
  LlmStepFacts facts_;
};

}  // namespace

std::unique_ptr<Case> make_llm_step(const Parameters& parameters, const Context& context) {
  const auto [device, missing] = chosen_device(parameters, context.group);
  if (device == nullptr) throw Error(ExitStatus::cannot_run, missing);
  return std::make_unique<LlmStep>(parameters, context, *device);
}

}  // namespace assay::bench
