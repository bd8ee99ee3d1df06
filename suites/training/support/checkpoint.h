// Checkpoints of a training: what Trainer::state() names, in a folder that all ranks see, so that a training
// goes on from it bit for bit (with the same number of threads).
//
// A checkpoint of step S is a file `step-S.rank-R` (checkpoint_file.h) of each rank that writes and, once all
// of them are on the storage, the manifest `step-S.complete`: without it there is no checkpoint. The manifest
// is sealed text: what the checkpoint is of (checkpoint_identity.h) and "file R BYTES SHA-256-OF-THE-HEADER"
// for each file. Blocks that are the same on all ranks of a data-parallel group are written by the one with
// data index 0 and read by all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "suites/harness/process_group.h"
#include "suites/training/support/checkpoint_file.h"
#include "suites/training/support/checkpoint_identity.h"
#include "suites/training/support/trainer.h"

namespace assay::training {

class Checkpoints {
 public:
  /// So many complete ones are kept: while one is written or removed there is another.
  static constexpr std::size_t kept = 2;

  /// `folder` exists, is seen by all ranks, and holds nothing but this training's checkpoints. `group`
  /// outlives this.
  Checkpoints(const bench::ProcessGroup& group, std::filesystem::path folder,
              const CheckpointIdentity& identity);

  /// Collective. Writes the state as it is after `step` steps, straight from its memory. Each file gets its
  /// name when all are forced to the storage (fsync), then rank 0 writes the manifest; then what is older
  /// than the two latest is removed. Throws the same Error on every rank; no part is then taken for a
  /// checkpoint.
  void save(std::int64_t step, const std::vector<StateBlock>& state) const;

  /// Collective. The step of the latest complete checkpoint.
  std::optional<std::int64_t> latest() const;

  /// Collective. Puts the state back. Throws the same Error on every rank, before anything is changed, when
  /// the manifest or a file is missing, truncated or altered, or is of another training.
  void restore(std::int64_t step, const std::vector<StateBlock>& state) const;

  /// What save(step) makes on this rank, temporary files included (names within the folder).
  std::vector<std::string> names(std::int64_t step) const;
  /// The files that restore(step) reads on this rank, with their lengths.
  std::vector<std::pair<std::filesystem::path, std::uint64_t>> files_read(
      std::int64_t step, const std::vector<StateBlock>& state) const;
  /// What this rank writes into one checkpoint; 0: nothing.
  std::uint64_t own_bytes(const std::vector<StateBlock>& state) const;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  CheckpointPart written(const std::vector<StateBlock>& state) const;
  std::vector<CheckpointPart> read(const std::vector<StateBlock>& state) const;
  std::filesystem::path path(std::int64_t step, std::int64_t rank) const;
  std::filesystem::path manifest_path(std::int64_t step) const;
  void write_manifest(std::int64_t step, const std::vector<std::string>& files) const;
  void remove_older() const;

  const bench::ProcessGroup& group_;
  const std::filesystem::path folder_;
  const CheckpointIdentity identity_;
};

}  // namespace assay::training
