// JSON text under both sets of rules: what is read survives being written and read again.
#include "countersign/wire/json.hpp"

#include <cstdint>

#include "countersign/base/check.hpp"
#include "countersign/base/text.hpp"

namespace {

using namespace countersign;

void read(std::string_view text, const wire::JsonRules& rules) {
    auto value = wire::parse_json(text, rules);
    if (!value) {
        COUNTERSIGN_CHECK(!value.error().code.empty() && !value.error().detail.empty());
        return;
    }
    COUNTERSIGN_CHECK(text.size() <= rules.bytes_max);
    const std::string written = core::canonical(*value);
    COUNTERSIGN_CHECK(valid_utf8(written));
    // What is read leniently may hold numbers that strictly are refused.
    auto again = wire::parse_json(
        written, {.bytes_max = written.size(), .nesting_max = rules.nesting_max, .strict = false});
    COUNTERSIGN_CHECK(again.has_value());
    COUNTERSIGN_CHECK(*again == *value);
    COUNTERSIGN_CHECK(core::canonical(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    read(text, {.bytes_max = 64 * 1024});
    read(text, {.bytes_max = 64 * 1024, .nesting_max = 8, .strict = false});
    return 0;
}
