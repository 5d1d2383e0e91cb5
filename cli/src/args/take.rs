//! The options of `init`, `snapshot` and `watch`.

use std::path::PathBuf;

use clap::Args;

/// Options of `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// How hard to compress: a zstd level from -7 to 22
    #[arg(long, value_name = "LEVEL", default_value_t = crate::command::init::ZSTD_LEVEL, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i32).range(-7..=22))]
    pub(crate) zstd_level: i32,
}

/// Options of `snapshot`.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// Files and directories; each is kept under its last component
    #[arg(value_name = "PATH", conflicts_with = "connectors")]
    pub(crate) paths: Vec<PathBuf>,
    /// Take a connector; may be repeated
    #[arg(long = "connector", value_name = "NAME")]
    pub(crate) connectors: Vec<String>,
    /// Make the archive if there is none
    #[arg(long)]
    pub(crate) init: bool,
    /// Label the snapshot; several labels separated by commas, or repeated
    #[arg(long = "tag", value_name = "TAG[,TAG…]")]
    pub(crate) tags: Vec<String>,
    /// The name of the machine [default: server.name of the configuration, else the system's]
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// The time that the snapshot bears [default: now]
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// Take one file of this name from standard input
    #[arg(long, value_name = "NAME", conflicts_with_all = ["paths", "connectors"])]
    pub(crate) stdin: Option<String>,
    /// Leave out what matches: a name at any depth, or with a / a path below each PATH; may be repeated
    #[arg(short, long = "exclude", value_name = "GLOB")]
    pub(crate) excludes: Vec<String>,
    /// The same, whatever the case of letters
    #[arg(long = "iexclude", value_name = "GLOB")]
    pub(crate) iexcludes: Vec<String>,
    /// Leave out what the lines of a file match; empty lines and those that begin with # do not count
    #[arg(long = "exclude-file", value_name = "FILE")]
    pub(crate) exclude_files: Vec<PathBuf>,
    /// Leave out the contents of directories that a CACHEDIR.TAG marks as caches
    #[arg(long)]
    pub(crate) exclude_caches: bool,
    /// Stay on the file system of each PATH
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,
}

/// Options of `watch`.
#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Only a connector, or those of a group; may be repeated
    #[arg(long = "connector", value_name = "NAME")]
    pub(crate) connectors: Vec<String>,
    /// Stop after so many runs of each connector
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) runs: Option<u64>,
}
