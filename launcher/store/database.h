#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

struct sqlite3;
struct sqlite3_stmt;

// SQLite, as far as the history needs it. Not thread-safe; what fails throws DataError naming the file and SQLite's
// reason.
namespace trireme::launcher {

// A file, written ahead (WAL): what was committed outlives the process.
class Database {
 public:
  // Makes the file and its folder when absent.
  explicit Database(std::filesystem::path file);
  void execute(const char* sql) const;
  [[nodiscard]] sqlite3* handle() const noexcept { return database_.get(); }
  [[nodiscard]] const std::filesystem::path& file() const noexcept { return file_; }
  // Throws DataError with SQLite's last reason.
  [[noreturn]] void fail(const char* doing) const;

 private:
  struct Close {
    void operator()(sqlite3* database) const noexcept;
  };
  std::filesystem::path file_;
  std::unique_ptr<sqlite3, Close> database_;
};

// A prepared statement; values are bound in order and copied. `database` outlives it.
class Statement {
 public:
  Statement(const Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(const std::string& text);
  Statement& bind(std::int64_t number);
  Statement& bind(double number);
  Statement& bind_bytes(const std::string& bytes);
  // True while there are rows.
  bool step();
  // For another round of bind() and step().
  void reset();

  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::string bytes(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;

 private:
  const Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

// What is done in its life is done as a whole once commit() was called, or not at all.
class Transaction {
 public:
  explicit Transaction(const Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database& database_;
  bool is_committed_ = false;
};

}  // namespace trireme::launcher
