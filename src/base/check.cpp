#include "countersign/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace countersign {

void check_failed(const char* condition, std::source_location where) {
    // It is written straight to stderr, because the log thread may be part of what is broken.
    std::fprintf(stderr, "check failed: %s at %s:%u in %s\n", condition, where.file_name(),
                 static_cast<unsigned>(where.line()), where.function_name());
    std::fflush(stderr);
    std::abort();
}

}  // namespace countersign
