#include "suites/training/llm_step/verdict.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace assay::bench {

namespace {

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4f", value);
  return text.data();
}

double mean_of_last(const std::vector<double>& values, std::size_t end, std::size_t count) {
  const auto last = values.begin() + static_cast<std::ptrdiff_t>(end);
  return std::accumulate(last - static_cast<std::ptrdiff_t>(count), last, 0.0) / static_cast<double>(count);
}

std::string rank_words(std::int64_t rank) {
  return "rank " + std::to_string(rank);
}

/// All digits: two numbers that differ look different.
std::string all_digits(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.17g", value);
  return text.data();
}

std::string part_of(const training::StepFingerprint& step, const std::string& what) {
  if (what == "loss") return all_digits(step.loss);
  if (what == "gradient norm") return all_digits(step.gradient_norm);
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(step.parameters));
  return text.data();
}

}  // namespace

double learned_bound(const LearningTask& task) {
  return task.entropy + (task.untrained - task.entropy) / 4;
}

Verdict judge_learning(const std::vector<double>& losses, const LearningTask& task) {
  Verdict verdict;
  if (losses.empty()) {
    verdict.problems.emplace_back("no step was made");
    return verdict;
  }
  const auto wrong =
      std::find_if(losses.begin(), losses.end(), [](double loss) { return !std::isfinite(loss); });
  if (wrong != losses.end()) {
    verdict.problems.push_back("the loss of step " + std::to_string(wrong - losses.begin()) +
                               " is no number");
    return verdict;
  }
  const std::size_t steps = losses.size();
  const auto count = static_cast<std::int64_t>(steps);
  verdict.words = "loss " + number(losses.front()) + " to " + number(losses.back()) + " in " +
                  std::to_string(steps) + (steps == 1 ? " step" : " steps");
  if (count >= learning_steps && count * task.tokens_per_step >= learning_tokens) {
    const double reached = mean_of_last(losses, steps, 5);
    verdict.words +=
        ", mean of the last 5 " + number(reached) + " (at most " + number(learned_bound(task)) + ")";
    if (!(reached <= learned_bound(task)))
      verdict.problems.emplace_back("the loss has not fallen far enough");
  } else if (steps >= 4) {
    const std::size_t quarter = std::max<std::size_t>(1, steps / 4);
    const double reached = mean_of_last(losses, steps, quarter);
    verdict.words += ", mean of the last " + std::to_string(quarter) + " " + number(reached);
    if (!(reached < losses.front())) verdict.problems.emplace_back("the loss has not fallen");
  } else {
    verdict.words += " (too few to see it fall)";
  }
  const auto fresh = static_cast<std::size_t>(std::clamp<std::int64_t>(task.fresh_steps, 0, count));
  if (fresh > 0) {
    const std::size_t batches = std::min<std::size_t>(10, fresh);
    const double reached = mean_of_last(losses, fresh, batches);
    const double error =
        std::sqrt(task.variance / (static_cast<double>(batches) * static_cast<double>(task.tokens_per_step)));
    const double least = task.entropy - 4 * error;
    verdict.words += ", entropy " + number(task.entropy);
    if (!(reached >= least)) {
      verdict.problems.push_back("the mean of " + std::to_string(batches) + " losses is " + number(reached) +
                                 ", below the source's entropy by more than 4 standard errors (" +
                                 number(least) + "): the model sees what it should predict");
    }
  }
  return verdict;
}

Verdict judge_ranks(const std::vector<RankState>& ranks, const training::ParallelLayout& layout,
                    bool tied_head) {
  Verdict verdict;
  const auto state = [&](std::int64_t rank) -> const RankState& {
    return ranks[static_cast<std::size_t>(rank)];
  };
  const auto problem = [&](std::int64_t rank, const std::string& words) {
    verdict.problems.push_back(rank_words(rank) + " " + words);
  };
  for (std::int64_t rank = 0; rank < layout.ranks(); ++rank) {
    const RankState& own = state(rank);
    const training::Coordinates at = training::coordinates_of(layout, rank);
    if (own.not_finite > 0)
      problem(rank, "has " + std::to_string(own.not_finite) + " weights that are no numbers");
    if (!own.exchange.right())
      problem(rank, "has sums of gradients that are wrong by " + number(own.exchange.worst) +
                        " times the bound of rounding");
    if (own.now != own.after_last_step) problem(rank, "has other weights than after its last step");
    const std::int64_t first_copy = training::data_group(layout, rank).front();
    if (own.now != state(first_copy).now)
      problem(rank, "has other weights than its data-parallel copy, " + rank_words(first_copy));
    const std::int64_t first_part = training::tensor_group(layout, rank).front();
    if (std::bit_cast<std::uint64_t>(own.own_loss) !=
        std::bit_cast<std::uint64_t>(state(first_part).own_loss))
      problem(rank, "computed another loss than " + rank_words(first_part) + " of its tensor-parallel group");
    const std::int64_t first_stage = training::pipeline_group(layout, rank).front();
    if (tied_head && at.pipeline > 0 && at.pipeline == layout.pipeline - 1 &&
        own.table != state(first_stage).table)
      problem(rank, "has another copy of the table of tokens than " + rank_words(first_stage));
    if (at.data > 0 || at.tensor > 0) continue;
    // A shard of the optimizer may be empty: the data-parallel group is asked as a whole.
    double squares = 0;
    for (const std::int64_t other : training::data_group(layout, rank)) squares += state(other).own_squares;
    if (!(squares > 0)) problem(rank, "and its copies got no gradients in the last step");
  }
  if (!verdict.problems.empty()) return verdict;
  verdict.words = ranks.size() == 1
                      ? "weights unchanged since the last step"
                      : "weights of data-parallel copies and losses of tensor-parallel ranks alike";
  return verdict;
}

Verdict judge_repetition(const training::Fingerprint& recorded, const training::Fingerprint& repeated) {
  Verdict verdict;
  if (repeated.empty() || recorded.empty() || repeated.front().step < recorded.front().step ||
      repeated.back().step > recorded.back().step) {
    verdict.problems.emplace_back("no step was made again from the checkpoint");
    return verdict;
  }
  const auto begin = recorded.begin() + (repeated.front().step - recorded.front().step);
  const training::Fingerprint first(begin, begin + static_cast<std::ptrdiff_t>(repeated.size()));
  const std::string from = "from the checkpoint of step " + std::to_string(repeated.front().step - 1);
  const auto difference = training::first_difference({first, repeated}, {"first", "again"});
  if (!difference) {
    verdict.words = std::to_string(repeated.size()) + (repeated.size() == 1 ? " step" : " steps") + " " +
                    from + " made again bit for bit";
    return verdict;
  }
  const auto at = static_cast<std::size_t>(difference->step - first.front().step);
  const std::string what = difference->what == "parameters" ? "checksum of the parameters" : difference->what;
  verdict.problems.push_back("step " + std::to_string(difference->step) + " made again " + from + ": the " +
                             what + " is " + part_of(repeated[at], difference->what) + ", and was " +
                             part_of(first[at], difference->what) + " at first");
  return verdict;
}

}  // namespace assay::bench
