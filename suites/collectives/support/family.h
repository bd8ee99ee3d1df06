// What the collectives have in common as benchmarks: parameters, figures, what cannot run, and how a case is
// made.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "suites/collectives/support/cases.h"
#include "suites/collectives/support/factors.h"
#include "suites/collectives/support/operation.h"
#include "suites/harness/benchmark.h"

namespace assay::bench {

/// What sets one collective's description apart. No kind: a barrier, which moves nothing.
struct FamilyMember {
  const char* name;   ///< "collectives/allgather"
  const char* title;  ///< "All-gather: ..."
  std::optional<CollectiveKind> kind;
  const char* bytes_meaning = "";  ///< of the parameter `bytes`
  bool reduces = false;            ///< has `dtype`
  bool in_place = false;           ///< has `in_place`
  bool root = false;               ///< has `root`
  bool shared_window = false;      ///< `implementation` has shared_window besides
};

BenchmarkSpec describe(const FamilyMember& member);

/// The element type of a case: its `dtype`, or f32 where nothing is computed.
Element element_of(const Parameters& parameters);
/// The elements of its message; 0 where there are no whole ones.
std::size_t elements_of(CollectiveKind kind, const Parameters& parameters, int ranks);

/// Why the case cannot run here, or nothing: sizes that do not divide, a root that is not there, parameters
/// that exclude each other.
std::string unsupported_member(const FamilyMember& member, const Parameters& parameters,
                               const Context& context);

/// Blocking or non-blocking, as the parameters say.
std::unique_ptr<Case> make_case(const FamilyMember& member, const Parameters& parameters,
                                const Context& context, std::unique_ptr<Operation> operation);

}  // namespace assay::bench
