CREATE TABLE `projection_progress` (
	`partner` text PRIMARY KEY NOT NULL,
	`newest_event_at_ms` integer NOT NULL,
	`projected_at_ms` integer NOT NULL,
	FOREIGN KEY (`partner`) REFERENCES `partners`(`id`) ON UPDATE no action ON DELETE no action
);
