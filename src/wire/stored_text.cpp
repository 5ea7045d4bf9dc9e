#include "wire/stored_text.hpp"

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"
#include "countersign/wire/json.hpp"

namespace countersign::wire {
namespace {

constexpr std::size_t stored_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t stored_nesting_max = core::nesting_max + 8;
// These rules are not strict: a double of 1e20 is written as an integer that strict readers refuse.
constexpr JsonRules stored_rules{
    .bytes_max = stored_bytes_max, .nesting_max = stored_nesting_max, .strict = false};

}  // namespace

void write_owns(StoredWriter& w, const std::vector<core::AccountId>& accounts) {
    w.begin_list();
    for (const auto& account : accounts) w.own(account.text());
    w.end_list();
}

Result<Value> parse_stored(std::string_view text) {
    auto value = parse_json(text, stored_rules);
    if (!value) return fail(Trouble::corrupt, "stored text is not JSON: " + value.error().detail);
    return value;
}

std::unexpected<Failure> not_ours(const char* what) {
    return fail(Trouble::corrupt,
                std::string("a stored ") + what + " does not have the form it was written in");
}

std::string sealed(const Salt& salt, std::string_view text) {
    std::string input;
    input.reserve(salt.size() + text.size());
    input += as_text(salt);
    input += text;
    return sha256_hex(input);
}

std::string sealed_uuid(const Salt& salt, std::string_view text) {
    return sealed(salt, text).substr(0, 32);
}

}  // namespace countersign::wire
