CREATE TABLE `sweeps` (
	`batch` integer PRIMARY KEY NOT NULL,
	`total` integer NOT NULL,
	`done` integer NOT NULL,
	`after_card` integer NOT NULL,
	`missed` integer NOT NULL,
	`round_at_ms` integer NOT NULL,
	`due_at_ms` integer,
	`until_ms` integer NOT NULL,
	`updated_at_ms` integer NOT NULL,
	FOREIGN KEY (`batch`) REFERENCES `batches`(`number`) ON UPDATE no action ON DELETE no action
);
--> statement-breakpoint
CREATE INDEX `sweeps_due` ON `sweeps` (`due_at_ms`) WHERE "sweeps"."due_at_ms" is not null;