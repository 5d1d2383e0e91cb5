#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| restante_tests::fuzzing::lifecycle(data));
