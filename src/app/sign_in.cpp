#include "countersign/app/sign_in.hpp"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <utility>

#include "countersign/base/signed_text.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

constexpr std::string_view link_purpose = "countersign sign-in link 1";

}  // namespace

std::string random_text(rt::Entropy& entropy) {
    std::array<std::byte, 32> bytes{};
    entropy.fill(bytes);
    return base64url(as_text(bytes));
}

SignInLinks::SignInLinks(const Runtime& runtime, Secret key, std::string public_url)
    : runtime_(runtime), key_(std::move(key)), base_(std::move(public_url)) {
    while (base_.ends_with('/')) base_.pop_back();
}

std::string SignInLinks::make(const core::RequestId& request, const core::AccountId& account,
                              core::Surface via, std::string reason) const {
    if (reason.size() > reason_bytes_max) reason.clear();
    const auto until = (runtime_.now() + life).time_since_epoch().count();
    // None of these but the last holds a line end.
    const auto text = fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.text(), account.text(),
                                  core::name_of(via), until, random_text(runtime_.entropy), reason);
    return base_ + "/approve/" + sign_text(key_, link_purpose, text);
}

std::optional<SignInLink> SignInLinks::read(std::string_view signed_text) const {
    auto text = read_signed_text(key_, link_purpose, signed_text);
    if (!text) return std::nullopt;
    std::array<std::string, 5> fields;
    std::string_view rest = *text;
    for (std::string& field : fields) {
        const auto end = rest.find('\n');
        if (end == std::string_view::npos) return std::nullopt;
        field = rest.substr(0, end);
        rest.remove_prefix(end + 1);
    }
    auto request = core::RequestId::parse(fields[0]);
    auto via = core::parse_surface(fields[2]);
    std::int64_t until = 0;
    auto [stopped, error] = std::from_chars(fields[3].data(), fields[3].data() + fields[3].size(), until);
    if (!request || !via || error != std::errc{}) return std::nullopt;
    return SignInLink{.request = *request,
                      .account = core::AccountId{fields[1]},
                      .via = *via,
                      .until = core::Instant{core::Duration{until}},
                      .id = fields[4],
                      .reason = std::string(rest)};
}

}  // namespace countersign::app
