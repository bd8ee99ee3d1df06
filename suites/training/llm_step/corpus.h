// training/llm_step: the files of tokens that it trains on, written before and removed after.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "suites/harness/benchmark.h"
#include "suites/io/support/workspace.h"
#include "suites/training/llm_step/settings.h"

namespace assay::bench {

class Corpus {
 public:
  /// Collective: rank 0 writes the shards, or, where the nodes do not see the same files, the first rank of
  /// each node. Throws the same Error on every rank.
  Corpus(const Context& context, const std::string& storage, const training::MarkovSource& source,
         const CorpusSize& size);

  const std::vector<std::filesystem::path>& shards() const { return shards_; }
  /// What they lie on; a file system in memory is named, too.
  std::string where() const;

 private:
  std::unique_ptr<Workspace> workspace_;
  std::vector<std::filesystem::path> shards_;
};

}  // namespace assay::bench
