#include "countersign/app/receipts.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "countersign/base/crypto.hpp"
#include "countersign/base/text.hpp"

namespace countersign::app {
namespace {

constexpr std::size_t receipt_key_bytes = 32;

Secret receipt_key(const Secret& server_key) {
    return Secret{hkdf_sha256(server_key.reveal(), {}, "countersign links to receipts", receipt_key_bytes)};
}

std::string signature_of(const Secret& key, core::RequestId request, std::string_view until) {
    const auto hash = hmac_sha256(key.reveal(), fmt::format("{} {}", request.text(), until));
    constexpr std::size_t bytes = 16;  // nobody can try them anywhere but here
    return base64url(as_text(hash).substr(0, bytes));
}

}  // namespace

ReceiptLinks::ReceiptLinks(std::string public_url, const Secret& server_key,
                           const std::vector<Secret>& retired)
    : public_url_(std::move(public_url)) {
    keys_.push_back(receipt_key(server_key));
    for (const Secret& key : retired) keys_.push_back(receipt_key(key));
}

std::string ReceiptLinks::link(core::RequestId request, const core::Ruling& ruling) const {
    if (core::open(ruling.state) || !ruling.decided_at) return {};
    const auto ends = *ruling.decided_at + good_for;
    const auto until =
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(ends.time_since_epoch()).count());
    return fmt::format("{}/r/{}?until={}&signature={}", public_url_, request.text(), until,
                       signature_of(keys_.front(), request, until));
}

Result<Done> ReceiptLinks::check(core::RequestId request, std::string_view until, std::string_view signature,
                                 core::Instant now) const {
    const bool ours = std::ranges::any_of(keys_, [&](const Secret& key) {
        return equal_in_constant_time(signature_of(key, request, until), signature);
    });
    std::int64_t seconds = 0;
    const auto* end = until.data() + until.size();
    const auto read = std::from_chars(until.data(), end, seconds);
    if (!ours || read.ec != std::errc{} || read.ptr != end)
        return fail(Trouble::unauthenticated, "this is no link of ours: take the one on the card, as it is",
                    "link_invalid");
    if (now >= core::Instant{std::chrono::seconds{seconds}})
        return fail(Trouble::unauthenticated,
                    "this link has ended: use the card's while it is younger than 30 days, or a token",
                    "link_expired");
    return Done{};
}

}  // namespace countersign::app
