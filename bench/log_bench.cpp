// Measures the published log on a PostgreSQL of its own:
//   log_bench events COUNT     so many events become leaves of the tree, and are audited
//   log_bench cases COUNT      so many requests with two votes each are audited
//   log_bench leaves COUNT     proofs in a tree of so many leaves, whose tiles are put there directly
// How much memory the process took stands in the last line.
#include <fmt/core.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "contract/world.hpp"
#include "countersign/adapters/audit.hpp"
#include "countersign/app/seals.hpp"
#include "evidence/signer.hpp"
#include "pg/event_log.hpp"
#include "pg/sealing.hpp"
#include "pg/tree_store.hpp"

using namespace countersign;
using contract::OnPostgres;

namespace {

const std::string origin = "approvals.example.com/log";

double seconds_of(const std::function<void()>& work) {
    auto begun = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
}

long peak_mb() {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss / 1024;
}

[[noreturn]] void give_up(const std::string& why) {
    fmt::print(stderr, "{}\n", why);
    std::exit(1);
}

template <class T>
T value(Result<T> result) {
    if (!result) give_up(result.error().detail);
    return std::move(*result);
}

std::string hexed(std::string_view bytes) {
    return hex(std::as_bytes(std::span(bytes)));
}
std::string bytea(std::string_view bytes) {
    return "\\\\x" + hexed(bytes);
}

// Rows for COPY, in a file that the database's server reads.
class Rows {
  public:
    explicit Rows(const std::string& name)
        : path_(folder() + "/" + name), file_(std::fopen(path_.c_str(), "w")) {
        if (file_ == nullptr) give_up("cannot write " + path_);
    }
    ~Rows() { std::filesystem::remove(path_); }
    void add(const std::string& row) { std::fwrite(row.data(), 1, row.size(), file_); }
    void copy(OnPostgres& on, const std::string& table) {
        std::fclose(file_);
        on.sql(fmt::format("COPY {} FROM '{}'", table, path_));
    }

  private:
    static std::string folder() {
        static const std::string made = [] {
            auto path = support::temporary_folder();
            ::chmod(path.c_str(), 0755);
            return path;
        }();
        return made;
    }
    std::string path_;
    std::FILE* file_;
};

class LogBench {
  public:
    LogBench() {
        std::array<std::byte, 32> seed{};
        seed.fill(std::byte{1});
        key_ = std::make_unique<SigningKey>(SigningKey::from_seed(seed));
        note_key_.name = origin;
        note_key_.key = key_->public_key();
        auto bytes = unhex(on_.sql("SELECT replace(id::text, '-', '') FROM instance")).value();
        std::array<std::byte, 16> instance{};
        for (std::size_t i = 0; i < instance.size(); ++i) instance[i] = static_cast<std::byte>(bytes[i]);
        seals_ = std::make_unique<app::Seals>(std::vector<Secret>{contract::server_key}, instance);
    }
    void events(std::int64_t count);
    void cases(std::int64_t count);
    void leaves(std::int64_t count);

  private:
    void fill_events(std::int64_t count);
    void integrate(std::int64_t count);
    void publish();
    void audit(std::string_view what, std::int64_t count);

    OnPostgres on_;
    std::unique_ptr<SigningKey> key_;
    tlog::NoteKey note_key_;
    std::unique_ptr<app::Seals> seals_;
};

// Events of acts, sealed as the sequencer seals them.
void LogBench::fill_events(std::int64_t count) {
    Rows acts("acts"), all("events");
    std::mt19937_64 chance{7};
    auto id = [&] {
        core::EventId::Bytes bytes{};
        for (std::size_t i = 0; i < bytes.size(); i += 8) {
            auto some = chance();
            for (std::size_t k = 0; k < 8; ++k) bytes[i + k] = static_cast<std::byte>(some >> (8 * k));
        }
        return core::EventId{bytes};
    };
    const auto now = on_.clock.now();
    const auto at = core::rfc3339(now);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto act = id();
        const auto event = id();
        const std::string record = fmt::format(
            R"({{"facts_sha256":"{:064}","id":"{}","occurred_at":"{}","subject":"tok_{:032}","type":"token.created","v":1}})",
            i, event.text(), at, i);
        auto act_seal = seals_->seal(pg::act_seal_input({act, now, "token_created", std::nullopt, record}));
        pg::EventRow row{.index = i,
                         .id = event.bytes(),
                         .type = "token.created",
                         .request = std::nullopt,
                         .act = act.bytes(),
                         .version = 0,
                         .state = std::nullopt,
                         .hash = tlog::leaf_hash(record)};
        auto seal = seals_->seal(pg::event_seal_input(row));
        const auto act_hex = hex(act.bytes()), event_hex = hex(event.bytes());
        acts.add(fmt::format("{}\t{}\ttoken_created\t\\N\t{}\t\\N\t\\N\t{}\n", act_hex, at, record,
                             bytea(as_text(act_seal))));
        all.add(fmt::format("{}\t{}\t{}\ttoken.created\t\\N\t{}\t0\t\\N\t{}\t{}\t{}\n", i, event_hex, at,
                            act_hex, bytea(record), bytea(as_text(row.hash)), bytea(as_text(seal))));
    }
    acts.copy(on_, "act");
    all.copy(on_, "event");
    on_.sql(fmt::format("UPDATE log_head SET size = {}", count));
}

void LogBench::integrate(std::int64_t count) {
    auto took = seconds_of([&] {
        while (value(on_.get(on_.database->tree().integrate(on_.soon()))).more) continue;
    });
    fmt::print("integrated   {:>12} events in {:6.2f} s: {:.0f}/s\n", count, took,
               static_cast<double>(count) / took);
}

void LogBench::publish() {
    auto sign = [&](const app::TreeStore::ToSign& what) -> Result<std::string> {
        tlog::Note note{tlog::text_of(tlog::Checkpoint{origin, what.head}), {}};
        auto with = [&](std::string_view bytes) -> Result<std::array<std::byte, 64>> {
            return key_->sign(bytes);
        };
        note.signatures.push_back(tlog::sign_note(note.text, note_key_, with).value());
        return tlog::text_of(note);
    };
    value(on_.get(on_.database->tree().publish(origin, sign, on_.soon())));
}

void LogBench::audit(std::string_view what, std::int64_t count) {
    const auto before = peak_mb();
    evidence::Audit done;
    auto took = seconds_of([&] {
        done = value(on_.get(evidence::audit_database(on_.database->audit(), on_.database->tree(),
                                                      {note_key_}, {}, on_.clock, {})));
    });
    for (const auto& one : done.findings) fmt::print("FOUND {}: {}\n", one.where, one.what);
    fmt::print("audited      {:>12} {} in {:6.2f} s: {:.0f}/s; peak memory {} MB before, {} MB after\n",
               count, what, took, static_cast<double>(count) / took, before, peak_mb());
}

void LogBench::events(std::int64_t count) {
    fill_events(count);
    integrate(count);
    publish();
    audit("events", count);
}

void LogBench::cases(std::int64_t count) {
    constexpr std::int64_t at_once = 64;
    auto took = seconds_of([&] {
        for (std::int64_t from = 0; from < count; from += at_once) {
            std::vector<core::RequestId> ids;
            std::vector<Later<app::OpenedCase>> opening;
            for (std::int64_t i = 0; i < at_once; ++i)
                opening.push_back(on_.cases().open(on_.fresh(), on_.soon()));
            for (auto& opened : on_.all(std::move(opening)))
                ids.push_back(value(std::move(opened)).opened.request->id);
            for (const std::string user : {"U0AMY", "U0BEN"}) {
                std::vector<Later<app::Appended>> votes;
                for (const auto& id : ids)
                    votes.push_back(on_.cases().append(on_.vote(id, user), on_.soon()));
                for (auto& vote : on_.all(std::move(votes))) value(std::move(vote));
            }
        }
    });
    fmt::print("written      {:>12} requests in {:6.2f} s\n", count, took);
    took = seconds_of([&] {
        while (value(on_.get(on_.log().sequence(std::nullopt, on_.soon()))).more) continue;
    });
    const auto events = std::stoll(on_.sql("SELECT size FROM log_head"));
    fmt::print("sequenced    {:>12} events in {:6.2f} s: {:.0f}/s\n", events, took,
               static_cast<double>(events) / took);
    integrate(events);
    publish();
    audit("events of requests", events);
}

void LogBench::leaves(std::int64_t count) {
    auto took = seconds_of([&] {
        tlog::TileEdge edge;
        std::vector<std::unique_ptr<Rows>> parts;
        parts.push_back(std::make_unique<Rows>("tiles"));
        std::string leaf(8, '\0');
        std::map<std::pair<int, std::int64_t>, std::string> last;  // what is not full yet changes on
        auto flush = [&] {
            for (auto& [tile, bytes] : edge.take_changed()) {
                if (bytes.size() < tlog::tile_hashes * tlog::hash_bytes) {
                    last[{tile.first, tile.second}] = bytes;
                    continue;
                }
                last.erase({tile.first, tile.second});
                parts.back()->add(fmt::format("{}\t{}\t{}\n", tile.first, tile.second, bytea(bytes)));
            }
        };
        for (std::int64_t i = 0; i < count; ++i) {
            for (std::size_t k = 0; k < 8; ++k) leaf[k] = static_cast<char>(i >> (8 * k));
            edge.append(tlog::leaf_hash(leaf));
            if (i % 65'536 == 65'535) flush();
        }
        flush();
        for (const auto& [tile, bytes] : last)
            parts.back()->add(fmt::format("{}\t{}\t{}\n", tile.first, tile.second, bytea(bytes)));
        parts.back()->copy(on_, "tile");
        const auto head = edge.head();
        on_.sql(fmt::format("UPDATE log_tree SET size = {}, root = '\\x{}', seal = '\\x{}'", head.size,
                            hexed(as_text(head.root)),
                            hexed(as_text(seals_->seal(pg::tree_seal_input(head))))));
    });
    fmt::print("put in place {:>12} leaves in {:6.2f} s\n", count, took);
    publish();
    const auto root =
        value(tlog::open_checkpoint(
                  value(on_.get(on_.database->tree().newest_checkpoint(origin, on_.soon()))), note_key_))
            .head.root;
    std::vector<double> ms;
    std::mt19937_64 chance{1};
    for (int i = 0; i < 2'000; ++i) {
        const auto index = static_cast<std::int64_t>(chance() % static_cast<std::uint64_t>(count));
        app::TreeStore::Inclusion proof;
        ms.push_back(1'000 * seconds_of([&] {
                         proof = value(on_.get(on_.database->tree().prove(origin, index, on_.soon())));
                     }));
        std::string leaf(8, '\0');
        for (std::size_t k = 0; k < 8; ++k) leaf[k] = static_cast<char>(index >> (8 * k));
        if (!tlog::verify_inclusion(index, count, tlog::leaf_hash(leaf), proof.hashes, root))
            give_up("a proof does not hold");
    }
    std::ranges::sort(ms);
    fmt::print("proofs       {:>12} leaves: p50 {:.2f} ms, p99 {:.2f} ms, worst {:.2f} ms, each verified\n",
               count, ms[ms.size() / 2], ms[ms.size() * 99 / 100], ms.back());
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    const std::int64_t count = argc > 2 ? std::stoll(argv[2]) : 100'000;
    LogBench bench;
    if (what == "events")
        bench.events(count);
    else if (what == "cases")
        bench.cases(count);
    else if (what == "leaves")
        bench.leaves(count);
    else
        give_up("log_bench events|cases|leaves COUNT");
    fmt::print("peak memory  {:>12} MB\n", peak_mb());
    return 0;
}
