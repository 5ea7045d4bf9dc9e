#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "contract/world.hpp"
#include "evidence/signer.hpp"

// This is a published log on a database of its own.
namespace countersign::contract {

inline SigningKey log_key_of(char seed) {
    std::array<std::byte, 32> bytes{};
    bytes.fill(static_cast<std::byte>(seed));
    return SigningKey::from_seed(bytes);
}

class ThePublishedLog : public testing::Test {
  protected:
    OnPostgres on;
    SigningKey key = log_key_of('a');
    std::string folder = support::temporary_folder();
    std::string mark = folder + "/log.mark";

    ~ThePublishedLog() override { std::filesystem::remove_all(folder); }

    static tlog::NoteKey note_key(const SigningKey& of, std::string origin = "approvals.example.com/log") {
        tlog::NoteKey made;
        made.name = std::move(origin);
        made.key = of.public_key();
        return made;
    }
    evidence::Signer signer(std::string mark_path = {}, std::vector<tlog::NoteKey> retired = {}) const {
        return evidence::Signer{{.key = note_key(key),
                                 .retired = std::move(retired),
                                 .sign = [this](std::string_view bytes) -> Result<std::array<std::byte, 64>> {
                                     return key.sign(bytes);
                                 },
                                 .mark = mark_path.empty() ? mark : mark_path}};
    }
    void add_events(int count) {
        for (int i = 0; i < count; ++i) {
            auto act = app::admin_event(app::AdminAct::token_created, "tok_1",
                                        core::Value::object({{"n", i}}), on.clock.now(), *on.entropy);
            ASSERT_TRUE(on.get(on.log().record(act, on.soon())));
        }
        while (on.get(on.log().sequence(std::nullopt, on.soon())).value().more) continue;
    }
    Result<app::TreeStore::Integrated> integrate() {
        Result<app::TreeStore::Integrated> done = on.get(on.database->tree().integrate(on.soon()));
        while (done && done->more) done = on.get(on.database->tree().integrate(on.soon()));
        return done;
    }
    Result<app::TreeStore::Published> publish(const evidence::Signer& by) {
        auto grown = integrate();
        if (!grown) return pass(grown);
        return on.get(on.database->tree().publish(
            by.origin(), [&](const app::TreeStore::ToSign& what) { return by.sign(what); }, on.soon()));
    }
    Result<app::TreeStore::Published> publish() { return publish(signer()); }
    tlog::Checkpoint published() {
        auto done = publish();
        EXPECT_TRUE(done) << done.error().detail;
        return tlog::open_checkpoint(done->note, note_key(key)).value();
    }
    tlog::SubtreeReader tiles(std::int64_t size) {
        return tlog::subtrees_in(size, [this](const tlog::TileId& tile) {
            return on.get(on.database->tree().tile(tile, on.soon()));
        });
    }
    void copy_of_the_database_to(const std::string& name) {
        on.database->stop();
        on.database.reset();
        support::sql(maintenance(), "CREATE DATABASE " + name + " TEMPLATE " + on_database());
        open();
    }
    void restore(const std::string& name) {
        on.database->stop();
        on.database.reset();
        auto ours = on_database();
        support::sql(maintenance(), "DROP DATABASE " + ours);
        support::sql(maintenance(), "ALTER DATABASE " + name + " RENAME TO " + ours);
        open();
    }

  private:
    Secret maintenance() { return support::postgres().server().uri(); }
    std::string on_database() { return on.sql("SELECT current_database()"); }
    void open() {
        on.database = pg::open_database({.uri = on.uri, .server_keys = {server_key}, .pool = 4},
                                        on.io.get_executor(), on.clock, *on.entropy);
    }
};

}  // namespace countersign::contract
