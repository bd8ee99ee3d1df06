// Slurm's srun, inside an allocation.
#pragma once

#include <memory>

#include "runners/launch/launcher.h"
#include "runners/launch/slurm.h"

namespace assay {

/// A rank's node is Slurm's name of it, which the slurmd that starts the rank sets: srun puts the nodes of a
/// list into an order of its own, so no list made before could name them.
std::unique_ptr<Launcher> make_srun_launcher(const Site& site, SlurmFacts facts);

}  // namespace assay
