#include "suites/training/llm_step/corpus.h"

#include "suites/harness/agreement.h"
#include "suites/io/support/memory_size.h"
#include "suites/training/support/shard.h"

namespace assay::bench {

namespace {

std::string shard_name(std::int64_t number) {
  return "tokens-" + std::to_string(number) + ".shard";
}

}  // namespace

Corpus::Corpus(const Context& context, const std::string& storage, const training::MarkovSource& source,
               const CorpusSize& size) {
  const ProcessGroup& group = context.group;
  const bool may_write = first_on_node(group);
  Workspace::Need need{0, 0};
  if (may_write) {
    // While a shard is written there is its temporary file, too; tokens take 2 or 4 bytes.
    need.bytes = static_cast<std::uint64_t>(4 * size.shards * size.tokens_per_shard);
    need.files = static_cast<std::uint64_t>(size.shards) + 1;
  }
  Workspace::Options options;
  options.shared = false;
  workspace_ = std::make_unique<Workspace>(context, storage, need, options);
  const bool writes = workspace_->shared() ? group.rank() == 0 : may_write;
  agree_or_throw(group, [&] {
    for (std::int64_t i = 0; i < size.shards; ++i) {
      shards_.push_back(workspace_->folder() / shard_name(i));
      if (!writes) continue;
      workspace_->claim(shard_name(i));
      const auto number = static_cast<std::uint64_t>(i);
      training::write_shard(shards_.back(), source.tokens(number, size.tokens_per_shard), source.vocabulary(),
                            {source.seed(), number});
    }
  });
}

std::string Corpus::where() const {
  std::string words;
  // A training from memory is one all the same: its figure is not the storage's.
  for (const auto& [key, value] : workspace_->path()) {
    if (key == "invalid") {
      words += " (in memory)";
    } else if (key == "file_system") {
      words = value + words;
    }
  }
  return words;
}

}  // namespace assay::bench
