ALTER TABLE `api_keys` ADD `last_used_at_ms` integer;--> statement-breakpoint
ALTER TABLE `api_keys` ADD `bootstrap_hash` text;--> statement-breakpoint
CREATE UNIQUE INDEX `api_keys_bootstrap_hash_unique` ON `api_keys` (`bootstrap_hash`);