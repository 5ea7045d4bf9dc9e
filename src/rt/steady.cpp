#include "countersign/rt/steady.hpp"

namespace countersign::rt {

Steady steady_now() {
    return std::chrono::steady_clock::now();
}

}  // namespace countersign::rt
