#include "suites/training/support/checkpoint_identity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "reports/base/error.h"
#include "reports/base/names.h"

namespace assay::training {

namespace {

constexpr std::string_view format = "ASSAY checkpoint 1";
constexpr std::string_view format_name = "ASSAY checkpoint ";

/// The shortest that reads back as the same bits.
template <typename Number>
std::string text(Number number) {
  std::array<char, 32> digits{};
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr};
}

std::string text(std::string_view words) {
  return std::string(words);
}

}  // namespace

std::vector<std::string> lines_of(const CheckpointIdentity& identity, std::int64_t step) {
  const ModelShape& shape = identity.shape;
  const ParallelLayout& layout = identity.layout;
  const OptimizerSettings& optimizer = identity.optimizer;
  std::vector<std::string> lines = {std::string(format)};
  const auto add = [&](const char* name, const auto& value) {
    lines.push_back(std::string(name) + " " + text(value));
  };
  add("step", step);
  add("architecture", name_of(shape.architecture));
  add("layers", shape.layers);
  add("width", shape.width);
  add("heads", shape.heads);
  add("kv_heads", shape.kv_heads);
  add("feed_forward", shape.feed_forward);
  add("sequence", shape.sequence);
  add("positions", shape.positions);
  add("vocabulary", shape.vocabulary);
  add("tied_head", int{shape.tied_head});
  add("rope_base", shape.rope_base);
  add("initial_deviation", shape.initial_deviation);
  add("data", layout.data);
  add("tensor", layout.tensor);
  add("pipeline", layout.pipeline);
  add("sequence_parallel", int{layout.sequence_parallel});
  add("zero1", int{layout.shard_optimizer});
  add("shared_window", int{layout.shared_window});
  add("micro_batch", layout.micro_batch);
  add("global_batch", layout.global_batch);
  add("recompute", int{layout.recompute_activations});
  add("precision", device::name_of(identity.element));
  add("rate", optimizer.rate);
  add("beta1", optimizer.beta1);
  add("beta2", optimizer.beta2);
  add("epsilon", optimizer.epsilon);
  add("decay", optimizer.decay);
  add("clip", optimizer.clip);
  add("warmup", optimizer.warmup);
  add("narrow_moments", int{optimizer.narrow_moments});
  add("seed", identity.seed);
  return lines;
}

void require_same_training(const std::vector<std::string>& lines, const std::vector<std::string>& expected,
                           const std::filesystem::path& path) {
  const std::string& version = lines.front();
  if (version != format) {
    throw bad_input(version.starts_with(format_name)
                        ? "the checkpoint has the format '" + version + "', and this program reads '" +
                              std::string(format) + "'"
                        : "this is no checkpoint",
                    "resume with the program that saved it, or train anew", {path.string()});
  }
  std::vector<std::string> differences;
  for (auto line = expected.begin() + 1; line != expected.end(); ++line) {
    const std::size_t blank = line->find(' ') + 1;
    const std::string name = line->substr(0, blank);
    const auto saved = std::find_if(lines.begin(), lines.end(),
                                    [&](const std::string& one) { return one.starts_with(name); });
    const std::string value = saved == lines.end() ? "not said" : saved->substr(blank);
    if (value != line->substr(blank))
      differences.push_back(name + "is " + value + " there and " + line->substr(blank) + " here");
  }
  if (differences.empty()) return;
  throw bad_input("the checkpoint is of another training: " + join(differences, "; "),
                  "resume with the model, layout, optimizer, precision and seed that it was saved with, or "
                  "train anew",
                  {path.string()});
}

}  // namespace assay::training
