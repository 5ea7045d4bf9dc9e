#pragma once
#include "countersign/core/why.hpp"

namespace countersign::app {

// Says whether a vote that was refused for this would count with some more words.
bool lacks_words(core::Why why);

}  // namespace countersign::app
