// The data that is embedded in `assay`.
#pragma once

#include "runners/campaign/assess.h"

namespace assay {

Knowledge embedded_knowledge();

}  // namespace assay
