#pragma once
#include <expected>
#include <optional>
#include <span>

#include "core/tally.hpp"
#include "countersign/core/advance.hpp"

// What commands come to that lower what was asked for, use a session or take a turn: an entry, or why not.
namespace countersign::core {

// The voter could approve the request.
std::expected<Cancelled, Refusal> lowered_by(const Case& c, const Tally& tally, const Cast& cast,
                                             const Standing& voter, Instant now);

std::expected<Used, Refusal> used_by(const Case& session, const Tally& tally, const Use& use,
                                     const Directory& directory, Instant now);
std::expected<Cancelled, Refusal> superseded(const Case& c, const Tally& tally, const Supersede& supersede,
                                             Instant now);
// Refuses what would approve the request while other requests keep it from that.
std::optional<Refusal> kept_back(const Case& c, const History& history, Instant now);
// Says whether there is no use left, with those that are being added.
bool used_up(const Case& session, std::span<const Entry> added);

}  // namespace countersign::core
