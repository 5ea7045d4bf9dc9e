#pragma once
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "countersign/app/tree.hpp"

namespace countersign::fakes {

// A published log in memory: leaves are put there by the test, `publish` signs them.
class Tree final : public app::TreeStore {
  public:
    struct Event {
        std::optional<core::RequestId> request;
        std::int32_t version = 0;
        std::string type;
        std::string body;
    };
    void add(Event event) {
        edge_.append(tlog::leaf_hash(event.body));
        events_.push_back(std::move(event));
        for (auto& [id, bytes] : edge_.take_changed()) tiles_[id] = bytes;
    }

    Later<Integrated> integrate(Deadline) override { co_return Integrated{edge_.head(), false}; }
    Later<Published> publish(std::string origin, Sign sign, Deadline) override {
        std::optional<std::string> last;
        if (auto found = notes_.find(origin); found != notes_.end()) last = found->second.second;
        auto note = sign({edge_.head(), std::move(last), reader(edge_.size())});
        if (!note) co_return pass(note);
        notes_[origin] = {edge_.size(), *note};
        co_return Published{*note, edge_.size()};
    }
    Later<std::string> newest_checkpoint(std::string origin, Deadline) override {
        auto found = notes_.find(origin);
        if (found == notes_.end())
            co_return fail(Trouble::not_found, "nothing was signed yet", "not_published");
        co_return found->second.second;
    }
    Later<std::string> tile(tlog::TileId tile, Deadline) override {
        ++reads;
        co_return now(tile);
    }
    Later<Done> tell_keys(std::vector<KeyFact>, Deadline) override { co_return Done{}; }
    Later<Leaf> leaf_of(core::RequestId request, std::int32_t version, std::string type, Deadline) override {
        for (std::size_t i = 0; i < events_.size(); ++i) {
            const Event& one = events_[i];
            if (one.request == request && one.version == version && one.type == type)
                co_return Leaf{static_cast<std::int64_t>(i), one.body};
        }
        co_return fail(Trouble::not_found, "this has no place in the log yet", "not_published");
    }
    Later<Inclusion> prove(std::string origin, std::int64_t index, Deadline) override {
        auto found = notes_.find(origin);
        std::int64_t size = found == notes_.end() ? 0 : found->second.first;
        if (index >= size)
            co_return fail(Trouble::not_found, "no checkpoint covers this yet", "not_published");
        auto hashes = tlog::prove_inclusion(index, size, reader(size));
        if (!hashes) co_return pass(hashes);
        co_return Inclusion{std::move(*hashes), found->second.second};
    }

    Later<Growth> prove_growth(std::string origin, std::int64_t from, Deadline) override {
        auto found = notes_.find(origin);
        if (found == notes_.end())
            co_return fail(Trouble::not_found, "nothing was signed yet", "not_published");
        const auto& [size, note] = found->second;
        if (from > size) co_return fail(Trouble::conflict, "fewer than were seen", "log_shrunk");
        Growth growth{size, note, {}};
        if (from == 0 || from == size) co_return growth;
        auto hashes = tlog::prove_consistency(from, size, reader(size));
        if (!hashes) co_return pass(hashes);
        growth.hashes = std::move(*hashes);
        co_return growth;
    }
    Later<std::int64_t> cosigned(std::string, std::string witness, Deadline) override {
        std::int64_t most = 0;
        for (const auto& one : cosignatures)
            if (one.witness == witness) most = std::max(most, one.size);
        co_return most;
    }
    Later<Done> keep_cosignature(Cosignature cosignature, Deadline) override {
        cosignatures.push_back(std::move(cosignature));
        co_return Done{};
    }

    std::vector<Cosignature> cosignatures;
    int reads = 0;  // of tiles

  private:
    Result<std::string> now(const tlog::TileId& tile) const {
        if (tlog::width_of(tile.level, tile.index, edge_.size()) < tile.width)
            return fail(Trouble::not_found, "no such tile", "no_such_tile");
        if (tile.level != tlog::entries_level)
            return tiles_.at({tile.level, tile.index})
                .substr(0, static_cast<std::size_t>(tile.width) * tlog::hash_bytes);
        std::vector<std::string_view> bodies;
        for (int i = 0; i < tile.width; ++i)
            bodies.push_back(events_[static_cast<std::size_t>(tile.index * tlog::tile_hashes + i)].body);
        return tlog::bundle_of(bodies);
    }
    tlog::SubtreeReader reader(std::int64_t size) const {
        return tlog::subtrees_in(size, [this](const tlog::TileId& tile) { return now(tile); });
    }

    std::vector<Event> events_;
    tlog::TileEdge edge_;
    std::map<std::pair<int, std::int64_t>, std::string> tiles_;
    std::map<std::string, std::pair<std::int64_t, std::string>> notes_;
};

}  // namespace countersign::fakes
